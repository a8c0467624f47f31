"""内容 Content: templates, variants, articles and forms that reach customers, each an approved version.

Content is data (definitions of kind ``content``) and is checked by policy's content rules; there is no table of its own yet
and nothing is rendered yet.
"""

from zhike.content.tables import OWNS, READS

__all__ = ["OWNS", "READS"]
