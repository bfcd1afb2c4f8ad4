"""The routes of accounts, for admins: who signs in to the pages with a password. None is ever told, nor its hash."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from indexer.errors import AccountNotFound
from indexer.store.access.accounts import Account
from service.access.names import NAME_CHARS, NAME_PATTERN
from service.access.passwords import LEAST, MOST, hashed
from service.access.scopes import Scope
from service.rest.access.callers import access_of
from service.rest.api import BODY, Json, refusals
from service.rest.asking import serving_of
from service.rest.bodies import BodyRoute
from service.rest.images import Body

router = APIRouter(prefix="/v1/accounts", route_class=BodyRoute)

AccountName = Annotated[
    str, Path(max_length=NAME_CHARS, pattern=NAME_PATTERN, description="Whose it is, as they sign in.")
]


class AccountBody(Body):
    """What an account is set to."""

    password: str = Field(min_length=LEAST, max_length=MOST, description="Kept as its scrypt hash alone.")
    scopes: list[Scope] = Field(min_length=1, max_length=4)


class AccountShown(BaseModel):
    """One account."""

    name: str
    scopes: list[Scope]
    created_at: str
    last_used_at: str | None = Field(description="When somebody last signed in with it.")


class AccountList(BaseModel):
    """Every account, by name."""

    items: list[AccountShown]


@router.get("", response_model=AccountList, responses=refusals())
def list_accounts(request: Request) -> Json:
    """List the accounts."""
    return Json({"items": [_shown(each) for each in serving_of(request).live.records.accounts.all()]})


@router.get("/{name:rest}", response_model=AccountShown, responses=refusals(404, 422))
def get_account(request: Request, name: AccountName) -> Json:
    """Return one account."""
    return Json(_shown(_found(request, name)))


@router.put("/{name:rest}", response_model=AccountShown, responses=refusals(*BODY, 507))
def set_account(request: Request, name: AccountName, body: AccountBody) -> Json:
    """Make an account, or give it another password and other scopes, which signs it out everywhere. Idempotent."""
    accounts = serving_of(request).live.records.accounts
    account = accounts.put(name, hashed(body.password), list(dict.fromkeys(body.scopes)))
    access_of(request).forget()
    return Json(_shown(account))


@router.delete("/{name:rest}", response_model=AccountShown, responses=refusals(404, 422, 507))
def remove_account(request: Request, name: AccountName) -> Json:
    """Remove an account and sign it out everywhere; what was decided with it stays."""
    removed = _found(request, name)
    serving_of(request).live.records.accounts.remove(name)
    access_of(request).forget()
    return Json(_shown(removed))


def _found(request: Request, name: str) -> Account:
    """Return the account of that name; raises AccountNotFound."""
    found = serving_of(request).live.records.accounts.find(name)
    if found is None:
        raise AccountNotFound(name)
    return found


def _shown(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in AccountShown.model_fields}
