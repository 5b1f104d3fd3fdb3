"""In which language somebody is spoken to in private."""

from sqlalchemy.dialects.postgresql import insert

from db.tables import SlackHome
from integrations.slack.workspace import Workspace
from policy.slack import Language
from tasks.desk import Desk


def language_of(desk: Desk, workspace: Workspace, user: str) -> Language:
    """What they asked for (`/tanggap language`), else what Slack tells of them, else the desk's."""
    with desk.transaction() as session:
        kept = session.get(SlackHome, user)
    wanted = kept.language if kept is not None and kept.language else workspace.language_of(user)
    return "en" if wanted == "en" else "id" if wanted == "id" else desk.policy.slack.language


def set_language(desk: Desk, user: str, language: Language) -> None:
    """Remember in which language this Slack user wants to be spoken to."""
    with desk.transaction() as session:
        values = {"language": language, "at": desk.now()}
        kept = insert(SlackHome).values(user_id=user, filters={}, **values)
        session.execute(kept.on_conflict_do_update(index_elements=["user_id"], set_=values))
