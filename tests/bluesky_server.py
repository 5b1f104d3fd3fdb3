"""Bluesky for the tests: its real servers (npm @atproto/dev-env 0.3.215, MIT): account server, directory, AppView.

    with network(postgres.url, tmp_path) as bluesky:
        rina = bluesky.person("rina")
        post = rina.posts("@care.test paket saya belum sampai", naming=care)

It is heavy, and lies outside of the repository, where `TANGGAP_TEST_ATPROTO` says (else /tmp/atproto):

    mkdir -p /tmp/atproto && cd /tmp/atproto && npm init -y
    npm i --ignore-scripts @atproto/dev-env@0.3.215 && npm rebuild better-sqlite3
    apt-get install -y --no-install-recommends redis-server

The chat service is the one part that nobody publishes: a small one of ours stands in. Bluesky's own `xrpc-server` checks
each call to it and each of its answers against the published lexicons, and the real account server passes our calls on
to it, by the `atproto-proxy` header and only for passwords that may.
"""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from slack_server import free_port, until
from sqlalchemy import make_url

HOME = Path(os.environ.get("TANGGAP_TEST_ATPROTO", "/tmp/atproto"))
PASSWORD = "kata sandi dari tes"
_JWT_SECRET = b"jwt-secret"
"""Of dev-env's account server."""

_START = r"""
// dev-env's servers listen on every interface; here they are the loopback's.
const net = require('node:net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (typeof first === 'number') return listen.call(this, first, '127.0.0.1', ...rest);
  if (first && typeof first === 'object' && first.port !== undefined) first.host = '127.0.0.1';
  return listen.call(this, first, ...rest);
};
const home = process.argv[1];
const at = (name) => require(require.resolve(name, { paths: [home + '/node_modules/@atproto/dev-env'] }));
const { TestNetwork } = at('@atproto/dev-env');
const { createServer, XRPCError } = at('@atproto/xrpc-server');
const { schemas } = at('@atproto/api/dist/client/lexicons');
const { TID } = at('@atproto/common-web');
const [pdsPort, chatPort] = process.argv.slice(2, 4).map(Number);
const CHAT = 'did:web:localhost%3A' + chatPort;

function chatService(network) {
  const server = createServer(schemas, { validateResponse: true });
  const convos = new Map();
  const log = [];
  server.router.get('/.well-known/did.json', (req, res) => res.json({
    id: CHAT,
    service: [{ id: '#bsky_chat', type: 'BskyChatService', serviceEndpoint: 'http://localhost:' + chatPort }],
  }));
  const caller = (req, method) => {
    const claims = JSON.parse(Buffer.from(req.headers.authorization.split('.')[1], 'base64url'));
    if (claims.aud !== CHAT || claims.lxm !== method) throw new XRPCError(401, 'wrong audience', 'BadJwtAudience');
    return claims.iss;
  };
  const allows = async (did) => {
    const asked = new URLSearchParams({ repo: did, collection: 'chat.bsky.actor.declaration', rkey: 'self' });
    const answer = await fetch(network.pds.url + '/xrpc/com.atproto.repo.getRecord?' + asked);
    const told = answer.ok ? (await answer.json()).value : { allowIncoming: 'all' };
    return told.allowIncoming === 'all';
  };
  const view = (convo) => ({
    id: convo.id, rev: convo.rev, muted: false, unreadCount: 0, status: 'accepted',
    members: convo.members.map((did) => ({ did, handle: 'handle.invalid' })),
  });
  const between = (me, other) => {
    const members = [me, other].sort();
    const id = members.join('+').replaceAll(':', '-');
    if (!convos.has(id)) {
      const rev = TID.nextStr();
      convos.set(id, { id, rev, members, messages: [] });
      log.push({ $type: 'chat.bsky.convo.defs#logBeginConvo', rev, convoId: id, members });
    }
    return convos.get(id);
  };
  const mine = (did, id) => {
    const convo = convos.get(id);
    if (!convo || !convo.members.includes(did)) throw new XRPCError(400, 'unknown conversation', 'InvalidConvo');
    return convo;
  };
  const json = (body) => ({ encoding: 'application/json', body });
  const method = (name, answer) => server.method(name, async ({ params, input, req }) =>
    json(await answer(caller(req, name), params, input && input.body)));
  method('chat.bsky.convo.getConvoAvailability', async (me, { members }) => {
    const other = members.find((did) => did !== me);
    return { canChat: await allows(other) };
  });
  method('chat.bsky.convo.getConvoForMembers', async (me, { members }) => {
    const other = members.find((did) => did !== me);
    if (!(await allows(other)))
      throw new XRPCError(400, 'recipient has disabled incoming messages', 'MessagesDisabled');
    return { convo: view(between(me, other)) };
  });
  method('chat.bsky.convo.sendMessage', async (me, _, { convoId, message }) => {
    const convo = mine(me, convoId);
    const rev = TID.nextStr();
    const said = {
      $type: 'chat.bsky.convo.defs#messageView', id: rev, rev, text: message.text, sender: { did: me },
      sentAt: new Date().toISOString(), ...(message.facets ? { facets: message.facets } : {}),
    };
    convo.messages.push(said);
    convo.rev = rev;
    log.push({ $type: 'chat.bsky.convo.defs#logCreateMessage', rev, convoId, message: said, members: convo.members });
    return said;
  });
  method('chat.bsky.convo.getMessages', async (me, { convoId, limit, cursor }) => {
    const older = [...mine(me, convoId).messages].reverse().filter((one) => !cursor || one.rev < cursor);
    const messages = older.slice(0, limit);
    return { messages, ...(older.length > messages.length ? { cursor: messages.at(-1).rev } : {}) };
  });
  method('chat.bsky.convo.listConvos', async (me, { limit, cursor }) => {
    const all = [...convos.values()].filter((one) => one.members.includes(me) && one.messages.length)
      .sort((a, b) => (a.rev < b.rev ? 1 : -1)).filter((one) => !cursor || one.rev < cursor);
    const some = all.slice(0, limit);
    return { convos: some.map(view), ...(all.length > some.length ? { cursor: some.at(-1).rev } : {}) };
  });
  method('chat.bsky.convo.getLog', async (me, { cursor }) => {
    const fresh = log.filter((one) => one.members.includes(me) && (!cursor || one.rev > cursor)).slice(0, 50);
    const logs = fresh.map(({ members, ...one }) => one);
    return { logs, cursor: logs.length ? logs.at(-1).rev : cursor };
  });
  server.listen(chatPort);
}

(async () => {
  const network = await TestNetwork.create({
    dbPostgresSchema: 'tanggap', pds: { port: pdsPort, hostname: 'localhost', enableDidDocWithSession: true },
  });
  chatService(network);
  await network.processAll();
  console.log('READY');
  const look = () => network.processAll().catch(() => {}).then(() => setTimeout(look, 200));
  look();
})().catch((error) => { console.error(error); process.exit(1); });
"""

Record = dict[str, Any]


def needs_bluesky() -> None:
    """Skip where it is not installed."""
    if not (HOME / "node_modules" / "@atproto" / "dev-env").is_dir():
        pytest.skip(f"@atproto/dev-env is not installed in {HOME} (TANGGAP_TEST_ATPROTO): see tests/bluesky_server.py")
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed: apt-get install --no-install-recommends redis-server")


@dataclass
class Person:
    """Somebody with an account there."""

    url: str
    handle: str
    did: str
    token: str
    http: requests.Session = field(default_factory=requests.Session)

    def posts(
        self,
        text: str,
        *,
        naming: "Person | None" = None,
        below: str | None = None,
        quoting: str | None = None,
        at: str | None = None,
        **more: Any,
    ) -> str:
        """Post something; its at-uri. `naming` mentions somebody in a facet of the whole text.

        What is answered is waited for: dev-env notifies nobody of an answer that it indexes together with its parent.
        """
        record: Record = {"$type": "app.bsky.feed.post", "text": text, "createdAt": at or now(), **more}
        if naming is not None:
            whole = {"byteStart": 0, "byteEnd": len(text.encode())}
            feature = {"$type": "app.bsky.richtext.facet#mention", "did": naming.did}
            record["facets"] = [{"index": whole, "features": [feature]}]
        if below is not None:
            until(lambda: self.is_shown(below), seconds=60, every=0.1)
            parent = self.reference(below)
            above = self.record(below).get("reply")
            record["reply"] = {"root": above["root"] if above else parent, "parent": parent}
        if quoting is not None:
            record["embed"] = {"$type": "app.bsky.embed.record", "record": self.reference(quoting)}
        return str(self.creates("app.bsky.feed.post", record)["uri"])

    def creates(self, collection: str, record: Record, rkey: str | None = None) -> Record:
        body = {"repo": self.did, "collection": collection, "record": record, **({"rkey": rkey} if rkey else {})}
        return self.calls("com.atproto.repo.createRecord", body)

    def takes_down(self, uri: str) -> None:
        *_, collection, rkey = uri.split("/")
        self.calls("com.atproto.repo.deleteRecord", {"repo": self.did, "collection": collection, "rkey": rkey})

    def record(self, uri: str) -> Record:
        *_, repo, collection, rkey = uri.split("/")
        said = self.asks("com.atproto.repo.getRecord", repo=repo, collection=collection, rkey=rkey)
        return dict(said["value"])

    def reference(self, uri: str) -> Record:
        *_, repo, collection, rkey = uri.split("/")
        said = self.asks("com.atproto.repo.getRecord", repo=repo, collection=collection, rkey=rkey)
        return {"uri": said["uri"], "cid": said["cid"]}

    def is_shown(self, uri: str) -> bool:
        """Whether the AppView has it."""
        return bool(self.asks("app.bsky.feed.getPosts", uris=[uri])["posts"])

    def answers(self, uri: str) -> list[Record]:
        """What people read below a post: each answer's record, and by whom."""
        try:
            thread = self.asks("app.bsky.feed.getPostThread", uri=uri, depth=1)["thread"]
        except requests.HTTPError:
            return []
        return [one["post"] for one in thread.get("replies", []) if "post" in one]

    def tells(self, other: "Person", text: str, chat: str) -> str:
        """Write a direct message; as `CONVERSATION:MESSAGE`."""
        convo = self.convo_with(other, chat)
        said = self.calls("chat.bsky.convo.sendMessage", {"convoId": convo, "message": {"text": text}}, chat)
        return f"{convo}:{said['id']}"

    def hears(self, other: "Person", chat: str) -> list[Record]:
        """The direct messages with somebody, oldest first."""
        convo = self.convo_with(other, chat)
        said = self.asks("chat.bsky.convo.getMessages", chat_=chat, convoId=convo, limit=100)
        return list(reversed(said["messages"]))

    def convo_with(self, other: "Person", chat: str) -> str:
        said = self.asks("chat.bsky.convo.getConvoForMembers", chat_=chat, members=[other.did])
        return str(said["convo"]["id"])

    def app_password(self, *, privileged: bool) -> str:
        body = {"name": f"desk {time.time_ns()}", "privileged": privileged}
        return str(self.calls("com.atproto.server.createAppPassword", body)["password"])

    def asks(self, method: str, chat_: str | None = None, **params: Any) -> Record:
        answer = self.http.get(f"{self.url}/xrpc/{method}", params=params, headers=self._headers(chat_), timeout=60)
        answer.raise_for_status()
        return dict(answer.json())

    def calls(self, method: str, body: Mapping[str, Any], chat: str | None = None) -> Record:
        answer = self.http.post(f"{self.url}/xrpc/{method}", json=body, headers=self._headers(chat), timeout=60)
        assert answer.ok, answer.text
        return dict(answer.json()) if answer.content else {}

    def _headers(self, chat: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **({"atproto-proxy": chat} if chat else {})}


@dataclass
class Bluesky:
    """The network."""

    url: str
    """Of the account server."""
    chat: str
    """The chat service, as `atproto-proxy` names it."""
    number: int = 0

    def person(self, name: str) -> Person:
        """Somebody new."""
        self.number += 1
        handle = f"{name}{self.number}.test"
        body = {"handle": handle, "email": f"{name}{self.number}@mail.test", "password": PASSWORD}
        answer = requests.post(f"{self.url}/xrpc/com.atproto.server.createAccount", json=body, timeout=60)
        assert answer.ok, answer.text
        said = answer.json()
        person = Person(self.url, handle, said["did"], said["accessJwt"])
        person.creates(
            "app.bsky.actor.profile", {"$type": "app.bsky.actor.profile", "displayName": name.title()}, "self"
        )
        until(lambda: self._is_known(person), seconds=60, every=0.2)
        return person

    def _is_known(self, person: Person) -> bool:
        try:
            return person.asks("app.bsky.actor.getProfile", actor=person.did).get("displayName") is not None
        except requests.HTTPError:
            return False


def now() -> str:
    """This moment, as a lexicon writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ended(token: str) -> str:
    """The same token of dev-env's account server, a day over."""
    head, claims, _ = token.split(".")
    told = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    told |= {"iat": told["iat"] - 2 * 86_400, "exp": told["iat"] - 86_400}
    signed = f"{head}.{_encoded(json.dumps(told).encode())}"
    return f"{signed}.{_encoded(hmac.new(_JWT_SECRET, signed.encode(), hashlib.sha256).digest())}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@contextmanager
def network(database_url: str, home: Path) -> Iterator[Bluesky]:
    """A Bluesky on the loopback; `database_url` is an empty PostgreSQL database of its own."""
    redis_port, pds_port, chat_port = free_port(), free_port(), free_port()
    redis = ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    environment = {
        **os.environ,
        "DB_POSTGRES_URL": _for_node(database_url),
        "REDIS_HOST": f"127.0.0.1:{redis_port}",
        "NODE_ENV": "test",
        "LOG_ENABLED": "false",
        "TMPDIR": str(home),
    }
    program = ["node", "-e", _START, str(HOME), str(pds_port), str(chat_port)]
    with (home / "bluesky.log").open("w+b") as log, _running(redis, log), _running(program, log, environment) as node:
        try:
            until(lambda: _is_ready(home / "bluesky.log", node), seconds=180, every=0.2)
        except AssertionError:
            raise AssertionError((home / "bluesky.log").read_text()[-3_000:]) from None
        yield Bluesky(f"http://localhost:{pds_port}", f"did:web:localhost%3A{chat_port}#bsky_chat")


def _is_ready(log: Path, node: subprocess.Popen[bytes]) -> bool:
    assert node.poll() is None, log.read_text()[-3_000:]
    return "READY" in log.read_text()


@contextmanager
def _running(
    program: Sequence[str], log: Any, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(program, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _for_node(url: str) -> str:
    """A database's address as node-postgres reads it: a socket's directory stands in the host's place."""
    known = make_url(url)
    host = known.host or str(known.query.get("host", "localhost"))
    port = f":{known.port or known.query['port']}" if known.port or "port" in known.query else ""
    password = f":{quote(str(known.password), safe='')}" if known.password else ""
    return f"postgresql://{known.username}{password}@{quote(host, safe='')}{port}/{known.database}"
