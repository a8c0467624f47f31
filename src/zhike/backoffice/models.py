"""The operational store: definition versions, approvals, overrides, audit. Rows are added, never changed.

What the rows mean is said by ``pipeline.store``; this file only keeps them.
"""

from django.db import models


class DefinitionVersion(models.Model):
    """One immutable version of a definition, as applied."""

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    version = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
    body = models.JSONField()
    file = models.CharField(max_length=400)
    line = models.PositiveIntegerField()
    managed_by = models.CharField(max_length=10, choices=[("files", "files"), ("console", "console")])
    is_retired = models.BooleanField(default=False)
    applied_by = models.CharField(max_length=200)
    applied_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "key", "version"], name="definition_version_once"),)
        indexes = (models.Index(fields=["kind", "key", "-version"], name="definition_newest"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.key} v{self.version}"


class Approval(models.Model):
    """A decision about one definition version, by somebody other than its maker."""

    definition = models.ForeignKey(DefinitionVersion, on_delete=models.PROTECT, related_name="approvals")
    is_approved = models.BooleanField()
    decided_by = models.CharField(max_length=200)
    decided_at = models.DateTimeField()
    reason = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{'approved' if self.is_approved else 'rejected'} {self.definition}"


class Override(models.Model):
    """A decision of a person that overrules a computed value, e.g. a forced merge of two identities."""

    kind = models.CharField(max_length=40)
    subject = models.JSONField()
    reason = models.TextField()
    made_by = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    withdraws = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="withdrawn_by"
    )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class AuditEntry(models.Model):
    """One act of a person or of configuration; each entry seals the one before."""

    number = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=80)
    subject = models.CharField(max_length=300)
    detail = models.JSONField()
    previous_seal = models.CharField(max_length=64)
    seal = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.number} {self.action} {self.subject}"
