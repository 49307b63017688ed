"""Holds that several processes share through Redis or Valkey: one script for each verb, one round trip.

Fails closed: when Redis is away nothing is placed and `HoldsAway` is raised, never a guess from memory. Redis
(6.2 or later) must not evict: `maxmemory-policy noeviction`. All keys lie under one hash tag, so that a cluster
keeps them together, and expire by themselves in the end. A sum that leaves 64 bits is an OverflowError, and
changed nothing.
"""

from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import Any, Final

import redis.asyncio
import structlog
from redis.exceptions import RedisError, ResponseError

from monoize.base.errors import Unavailable
from monoize.infra.holds import (
    HOLDS_MOST,
    IDLE_S,
    REMEMBER_S,
    SNAPSHOT_MOST,
    AlreadyEnded,
    BudgetState,
    Charges,
    Claim,
    Ending,
    HoldsFull,
    HoldState,
    NotOpen,
    Placed,
    Placement,
    Refused,
    Snapshot,
    bounded,
    check_charges,
    check_claims,
    check_lifetime,
    check_name,
    check_posted,
)

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 1.0
MOST_CONNECTIONS: Final = 50
# How many holds or budgets one run of a script may touch: Redis does nothing else meanwhile.
_PAGE: Final = 100

# What every script begins with. A script first reads and reckons and only then writes, so that one which fails
# over a sum has changed nothing.
#
#   hold:<id>      state (held, settled, ended), owner, asked, taken, charged; ended ones expire first
#   budget:<name>  mark, available (a number, `unlimited` or `unknown`), held, unposted
#   holds          ids of what is held, by the millisecond of their expiry
#   owner:<name>   ids of what this owner holds;  owners: their names
#   unposted       ids of what is settled and not posted
#   budgets        names, by the millisecond of their last use
#   marks          the last mark given
_COMMON: Final = """
local ns = KEYS[1]
local KEEP_MS = 30 * 24 * 60 * 60 * 1000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Money is decimal text: a number of Lua is a double, exact up to 2^53 only. Two amounts of at most fifteen digits
-- add exactly in it; all others are added by Redis, in 64 bits.
local function plus(a, b)
  if #a < 16 and #b < 16 then return string.format('%.0f', a + b) end
  local sum = ns .. 'sum'
  redis.call('SET', sum, a, 'PX', 1000)
  redis.call('INCRBY', sum, b)
  return redis.call('GET', sum)
end

local function minus(a)
  if a == '0' then return a end
  if a:sub(1, 1) == '-' then return a:sub(2) end
  return '-' .. a
end

-- Whether a is less than b, which is not below zero.
local function less(a, b)
  if a:sub(1, 1) == '-' then return true end
  if #a ~= #b then return #a < #b end
  return a < b
end

local function amounts(text) return string.gmatch(text, '(%S+) (%S+)') end

local function keep(key) redis.call('PEXPIRE', key, KEEP_MS) end

local function new_mark()
  local mark = redis.call('INCR', ns .. 'marks')
  keep(ns .. 'marks')
  return string.format('%.0f', mark)
end

local budgets = {}

-- The budget of this name, read once; nil when there is none.
local function find(name)
  if not budgets[name] then
    local read = redis.call('HMGET', ns .. 'budget:' .. name, 'mark', 'available', 'held', 'unposted')
    if not read[1] then return nil end
    budgets[name] = {mark = read[1], available = read[2], held = read[3], unposted = read[4]}
  end
  return budgets[name]
end

-- The same, begun without a balance when there is none.
local function use(name)
  local budget = find(name)
  if not budget then
    budget = {mark = new_mark(), available = 'unknown', held = '0', unposted = '0'}
    budgets[name] = budget
  end
  return budget
end

local function give(budget, amount)
  if budget.available ~= 'unknown' and budget.available ~= 'unlimited' then
    budget.available = plus(budget.available, amount)
  end
end

local function save()
  for name, budget in pairs(budgets) do
    local key = ns .. 'budget:' .. name
    redis.call('HSET', key, 'mark', budget.mark, 'available', budget.available,
      'held', budget.held, 'unposted', budget.unposted)
    keep(key)
    redis.call('ZADD', ns .. 'budgets', now, name)
    keep(ns .. 'budgets')
  end
end

local function read_hold(id)
  local read = redis.call('HMGET', ns .. 'hold:' .. id, 'state', 'owner', 'asked', 'taken', 'charged')
  return {state = read[1], owner = read[2], asked = read[3], taken = read[4], charged = read[5]}
end

local function give_back(taken)
  for name, amount in amounts(taken) do
    local budget = use(name)
    budget.held = plus(budget.held, minus(amount))
    give(budget, amount)
  end
end

local function take(charged)
  for name, amount in amounts(charged) do
    local budget = use(name)
    budget.unposted = plus(budget.unposted, amount)
    give(budget, minus(amount))
  end
end

local function forget(id, owner)
  redis.call('DEL', ns .. 'hold:' .. id)
  redis.call('ZREM', ns .. 'holds', id)
  redis.call('SREM', ns .. 'owner:' .. owner, id)
  if redis.call('EXISTS', ns .. 'owner:' .. owner) == 0 then redis.call('SREM', ns .. 'owners', owner) end
end

local function remember(id, remember_ms)
  local key = ns .. 'hold:' .. id
  redis.call('DEL', key)
  redis.call('HSET', key, 'state', 'ended')
  redis.call('PEXPIRE', key, remember_ms)
end

-- Releases all of these as the sweeper does; one that has no record any more is only taken off the lists.
local function let_go(ids, owner)
  local owners = {}
  for _, id in ipairs(ids) do
    local hold = read_hold(id)
    owners[id] = hold.owner or owner or ''
    if hold.state == 'held' then give_back(hold.taken) end
  end
  save()
  for _, id in ipairs(ids) do forget(id, owners[id]) end
  return ids
end
"""

_PLACE: Final = """
local id, owner, lifetime_ms, most, asked = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

local function list()
  redis.call('ZADD', ns .. 'holds', 'GT', now + lifetime_ms, id)
  keep(ns .. 'holds')
  redis.call('SADD', ns .. 'owner:' .. owner, id)
  keep(ns .. 'owner:' .. owner)
  redis.call('SADD', ns .. 'owners', owner)
  keep(ns .. 'owners')
  keep(ns .. 'hold:' .. id)
end

local function shares(taken)
  local answer = {'placed'}
  for _, amount in amounts(taken) do table.insert(answer, amount) end
  return answer
end

local hold = read_hold(id)
if hold.state == 'held' then
  if hold.asked ~= asked then return {'other'} end
  owner = hold.owner
  list()
  return shares(hold.taken)
end
if hold.state then return {'ended'} end
if redis.call('ZCARD', ns .. 'holds') + redis.call('SCARD', ns .. 'unposted') >= most then return {'full'} end

local closed = {'closed'}
for name in string.gmatch(asked, '(%S+) %S+ %S+ %S+') do
  local budget = use(name)
  if budget.available == 'unknown' then
    table.insert(closed, name)
    table.insert(closed, budget.mark)
  end
end
if #closed > 1 then
  save()
  return closed
end

local taken = {}
for name, amount, least, overdraft in string.gmatch(asked, '(%S+) (%S+) (%S+) (%S+)') do
  local budget, share = use(name), amount
  if budget.available ~= 'unlimited' then
    local room = plus(budget.available, overdraft)
    if less(room, amount) then share = room end
    if less(room, '1') or less(share, least) then return {'refused', name, budget.available, amount} end
  end
  budget.held = plus(budget.held, share)
  give(budget, minus(share))
  table.insert(taken, name .. ' ' .. share)
end
taken = table.concat(taken, ' ')
save()
redis.call('HSET', ns .. 'hold:' .. id, 'state', 'held', 'owner', owner, 'asked', asked, 'taken', taken)
list()
return shares(taken)
"""

_SETTLE: Final = """
local id, charged, remember_ms = ARGV[1], ARGV[2], ARGV[3]
local hold = read_hold(id)
if hold.state and hold.state ~= 'held' then return 'repeated' end
if hold.state then give_back(hold.taken) end
take(charged)
save()
if hold.state then forget(id, hold.owner) end
if charged == '' then
  remember(id, remember_ms)
else
  redis.call('HSET', ns .. 'hold:' .. id, 'state', 'settled', 'charged', charged)
  keep(ns .. 'hold:' .. id)
  redis.call('SADD', ns .. 'unposted', id)
  keep(ns .. 'unposted')
end
return hold.state and 'ended' or 'late'
"""

_POSTED: Final = """
local remember_ms = ARGV[1]
local news, owners = {}, {}
for i = 2, #ARGV, 2 do
  local id, charged = ARGV[i], ARGV[i + 1]
  local hold = read_hold(id)
  if hold.state ~= 'ended' then
    if hold.state == 'settled' then
      charged = hold.charged
    else
      if hold.state then give_back(hold.taken) end
      take(charged)
    end
    for name, amount in amounts(charged) do
      local budget = use(name)
      budget.unposted = plus(budget.unposted, minus(amount))
      budget.mark = new_mark()
    end
    table.insert(news, id)
    owners[id] = hold.owner
  end
end
save()
for _, id in ipairs(news) do
  if owners[id] then forget(id, owners[id]) end
  redis.call('SREM', ns .. 'unposted', id)
  remember(id, remember_ms)
end
return #news
"""

_MARK: Final = """
local budget = use(ARGV[1])
save()
return budget.mark
"""

_REFRESH: Final = """
local budget = find(ARGV[1])
local balance, mark = ARGV[2], ARGV[3]
if not budget or budget.mark ~= mark then return 0 end
budget.available = balance
give(budget, minus(budget.held))
give(budget, minus(budget.unposted))
budget.mark = new_mark()
save()
return 1
"""

_CREDIT: Final = """
local budget = find(ARGV[1])
local delta, mark = ARGV[2], ARGV[3]
if not budget or budget.mark ~= mark then return 0 end
give(budget, delta)
budget.mark = new_mark()
save()
return 1
"""

# A budget that is idle yet busy is put off, or it would stand in the way of the others.
_SWEEP: Final = """
local page, idle_ms = ARGV[1], ARGV[2]
local idle = redis.call('ZRANGEBYSCORE', ns .. 'budgets', '-inf', now - idle_ms, 'LIMIT', 0, page)
for _, name in ipairs(idle) do
  local budget = find(name)
  if budget and (budget.held ~= '0' or budget.unposted ~= '0') then
    redis.call('ZADD', ns .. 'budgets', now, name)
  else
    redis.call('DEL', ns .. 'budget:' .. name)
    redis.call('ZREM', ns .. 'budgets', name)
  end
end
budgets = {}
local expired = redis.call('ZRANGEBYSCORE', ns .. 'holds', '-inf', now, 'LIMIT', 0, page)
return {#idle, let_go(expired)}
"""

_RELEASE_OF: Final = """
local owner, page = ARGV[1], ARGV[2]
return let_go(redis.call('SRANDMEMBER', ns .. 'owner:' .. owner, page), owner)
"""

_SNAPSHOT: Final = """
local most = ARGV[1]
local states, holds = {}, {}
for _, name in ipairs(redis.call('ZREVRANGE', ns .. 'budgets', 0, most - 1)) do
  local budget = find(name)
  if budget then
    table.insert(states, {name, budget.available, budget.held, budget.unposted})
  end
end
for _, id in ipairs(redis.call('ZRANGE', ns .. 'holds', 0, most - 1)) do
  local hold = read_hold(id)
  if hold.state == 'held' then table.insert(holds, {id, hold.owner, hold.taken}) end
end
return {states, holds, redis.call('ZCARD', ns .. 'budgets'), redis.call('ZCARD', ns .. 'holds'),
  redis.call('SCARD', ns .. 'unposted')}
"""


class HoldsAway(Unavailable):
    """Money cannot be reserved, because the store of holds does not answer."""

    code = "holds_unavailable"
    hint = "Try again shortly; an operator finds the reason in the server's log."


class RedisHolds:
    def __init__(
        self,
        url: str,
        *,
        namespace: str = "{monoize:holds}:",
        most: int = HOLDS_MOST,
        idle_s: int = IDLE_S,
        remember_s: int = REMEMBER_S,
    ) -> None:
        # One that waits: with all connections in use, a pool that refuses would refuse money that is there.
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=MOST_CONNECTIONS,
            timeout=TIMEOUT_S,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            decode_responses=True,
        )
        self._redis: Any = redis.asyncio.Redis.from_pool(pool)
        self._namespace = namespace
        self._most = most
        self._idle_ms = idle_s * 1000
        # Redis takes no expiry of nought.
        self._remember_ms = max(1, remember_s * 1000)
        self._away = False
        self._place = self._script(_PLACE)
        self._settle = self._script(_SETTLE)
        self._posted = self._script(_POSTED)
        self._mark = self._script(_MARK)
        self._refresh = self._script(_REFRESH)
        self._credit = self._script(_CREDIT)
        self._sweep = self._script(_SWEEP)
        self._release_of = self._script(_RELEASE_OF)
        self._snapshot = self._script(_SNAPSHOT)

    def _script(self, body: str) -> Any:
        return self._redis.register_script(_COMMON + body)

    async def place(self, hold_id: str, claims: Sequence[Claim], *, owner: str, lifetime_s: int) -> Placement:
        check_name(hold_id)
        check_name(owner)
        check_claims(claims)
        check_lifetime(lifetime_s)
        asked = " ".join(map(_claim_text, claims))
        match await self._run(self._place, hold_id, owner, lifetime_s * 1000, self._most, asked):
            case ["placed", *taken]:
                return Placed(tuple(map(int, taken)))
            case ["refused", budget, available, amount]:
                return Refused(budget, int(available), int(amount))
            case ["closed", *names_and_marks]:
                return NotOpen(dict(zip(names_and_marks[::2], map(int, names_and_marks[1::2]), strict=True)))
            case ["ended"]:
                return AlreadyEnded()
            case ["other"]:
                raise ValueError("this hold was placed with other claims")
            case _:
                raise HoldsFull

    async def settle(self, hold_id: str, charges: Charges) -> Ending:
        check_name(hold_id)
        check_charges(charges)
        ending: Ending = await self._run(self._settle, hold_id, _charges_text(charges), self._remember_ms)
        return ending

    async def release(self, hold_id: str) -> Ending:
        return await self.settle(hold_id, {})

    async def posted(self, charged: Mapping[str, Charges]) -> int:
        check_posted(charged)
        texts = [(hold_id, _charges_text(charges)) for hold_id, charges in charged.items()]
        pages = [texts[start : start + _PAGE] for start in range(0, len(texts), _PAGE)]
        news = 0
        for page in pages:
            news += await self._run(self._posted, self._remember_ms, *(part for pair in page for part in pair))
        return news

    async def mark(self, budget: str) -> int:
        check_name(budget)
        return int(await self._run(self._mark, budget))

    async def refresh(self, budget: str, balance: int | None, mark: int) -> bool:
        check_name(budget)
        told = "unlimited" if balance is None else bounded(balance)
        return bool(await self._run(self._refresh, budget, told, mark))

    async def credit(self, budget: str, delta: int, mark: int) -> bool:
        check_name(budget)
        return bool(await self._run(self._credit, budget, bounded(delta), mark))

    async def sweep(self) -> tuple[str, ...]:
        expired: list[str] = []
        # As often as there can be holds, and not for ever: others place meanwhile.
        for _ in range(self._most // _PAGE + 1):
            idle, page = await self._run(self._sweep, _PAGE, self._idle_ms)
            expired += page
            if idle < _PAGE and len(page) < _PAGE:
                break
        return tuple(expired)

    async def orphans(self, living: Collection[str]) -> tuple[str, ...]:
        owners = await self._answer(self._redis.smembers(self._namespace + "owners"))
        return tuple(sorted(owners - set(living)))

    async def release_of(self, owner: str) -> tuple[str, ...]:
        check_name(owner)
        released: list[str] = []
        for _ in range(self._most // _PAGE + 1):
            page = await self._run(self._release_of, owner, _PAGE)
            released += page
            if len(page) < _PAGE:
                break
        return tuple(released)

    async def snapshot(self) -> Snapshot:
        budgets, holds, *counts = await self._run(self._snapshot, SNAPSHOT_MOST)
        return Snapshot(
            tuple(_budget_state(*budget) for budget in budgets),
            tuple(HoldState(hold_id, owner, _amounts(taken)) for hold_id, owner, taken in holds),
            *counts,
        )

    async def close(self) -> None:
        await self._redis.aclose()

    async def _run(self, script: Any, *arguments: str | int) -> Any:
        return await self._answer(script(keys=[self._namespace], args=arguments))

    async def _answer(self, question: Awaitable[Any]) -> Any:
        """What Redis answers. That it is away, and that it is back, is logged once."""
        try:
            answer = await question
        except RedisError as problem:
            if isinstance(problem, ResponseError) and "overflow" in str(problem):
                raise OverflowError("a sum of money left the 64-bit range") from problem
            if not self._away:
                log.warning("holds_away", problem=type(problem).__name__)
            self._away = True
            raise HoldsAway from problem
        if self._away:
            log.info("holds_back")
        self._away = False
        return answer


def _claim_text(claim: Claim) -> str:
    least = claim.amount if claim.least is None else claim.least
    return f"{claim.budget} {claim.amount} {least} {claim.overdraft}"


def _charges_text(charges: Charges) -> str:
    return " ".join(f"{name} {amount}" for name, amount in charges.items() if amount)


def _amounts(text: str) -> dict[str, int]:
    words = text.split(" ")
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _budget_state(name: str, available: str, held: str, unposted: str) -> BudgetState:
    number = None if available in ("unknown", "unlimited") else int(available)
    return BudgetState(name, available != "unknown", number, int(held), int(unposted))
