"""后台 The back office: keeps the operational store (Django models on SQLite), and later the console.

Tables: ``DefinitionVersion``, ``Approval``, ``Override``, ``AuditEntry``. ``stores/`` implements the stores that domain
packages declare as Protocols; one contract suite runs over each. No business logic lives here.
"""
