"""Anonymous to known 匿名行为归属: whose the events are that a touchpoint recorded before it knew its visitor.

In: ``event``, ``identity_link``. Out: ``event_party`` (whose an event without a user is, how and from when that is known),
``party_alias`` (user keys that were renumbered). Both point at source records, so that they follow their customer through merge
and split. A device never makes two records one customer: it says whose an event is, and that only where it is one person's.

How: events that carry user and device become ``visits``; keys that continue one another, chains (``continuing``); ``rule`` gives
the events without a user to people; ``reading`` is the door for whoever reads events.
"""

from zhike.identity.anonymous.reading import EVENT_READS, attributed_events, customer_timeline, event_links
from zhike.identity.anonymous.step import events_step
from zhike.identity.anonymous.terms import AnonymousSettings, How, Left, anonymous_settings

__all__ = [
    "EVENT_READS",
    "AnonymousSettings",
    "How",
    "Left",
    "anonymous_settings",
    "attributed_events",
    "customer_timeline",
    "event_links",
    "events_step",
]
