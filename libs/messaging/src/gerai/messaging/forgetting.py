"""The use case that makes a person's data unreadable."""

from datetime import datetime

from gerai.messaging.cipher import key_row_id
from gerai.messaging.subject_keys import SubjectKey
from gerai.messaging.unit_of_work import UnitOfWork


async def forget_subject(subject: str, *, tenant: str, uow: UnitOfWork, at: datetime) -> None:
    """All that is encrypted for a person becomes unreadable: fields, kept answers, and what backups hold of them. Also
    where nothing was kept yet, so that nothing ever is."""
    if not subject:
        raise ValueError("the regency's own key is nobody's, and is not destroyed")
    id = key_row_id(tenant, subject)
    row = await uow.find_or_add(SubjectKey(id=id, tenant=tenant, subject=subject))
    row.forget(at=at)
