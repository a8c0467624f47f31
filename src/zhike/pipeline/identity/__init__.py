"""What the commands of identity do: look at what is published, take officers' decisions, place live records, fit, measure.

``opening`` opens a published run with the match models that it was made with; each other module is one thing that people ask for.
"""

__all__: list[str] = []
