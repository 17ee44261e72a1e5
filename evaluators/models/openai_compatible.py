"""Any server that speaks OpenAI's chat protocol, asked directly: litellm takes some twenty times the CPU a call."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import msgspec
from yarl import URL

from undercut.evaluators.models.base import TIMEOUT, Completion, Request, Samples, Shape
from undercut.evaluators.models.chat import LOST, asked, read_json, read_reply, refusal
from undercut.evaluators.models.keys import KEY, given_key, refuse_key_in, without_secrets
from undercut.evaluators.models.retrying import TransientError, UnreachableError, retry_after
from undercut.spaces.errors import ModelError, ModelNameError

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 10.0
MOST_SAMPLES = 64
BASE_RULE = "--api-base must be the address up to and without /chat/completions"


class OpenAICompatibleModel:
    """One model of an OpenAI-compatible server.

    Several samples of one prompt are asked for in one request, with the first one's seed: sample i of a request is
    taken to be the one of seed + i, as vLLM and `undercut serve` have it. A server that sends fewer than it was asked
    for, or refuses, is asked for one at a time from then on.

    Args:
        name: what the server calls the model.
        api_base: the server's address, up to and without /chat/completions.
        timeout: longest wait for one attempt, in seconds.

    Raises:
        ModelNameError: the name, the address or the key cannot be used.
    """

    def __init__(self, name: str, api_base: str, *, timeout: float = TIMEOUT) -> None:
        # The address is not repeated in an error: it may hold a password.
        if not re.fullmatch(r"https?://[^/\s@?#]+(/[^\s@?#]*)?", api_base):
            raise ModelNameError(
                "an API base must be a URL such as http://localhost:8000/v1 with no user and no question mark in it, "
                f"and the one given is not; a key comes from the environment variable {KEY}"
            )
        refuse_key_in(api_base)
        if not name.strip():
            raise ModelNameError(
                "a model of a server of your own needs the name that the server gives it, and '' is none"
            )
        self._name = name
        self._base = api_base.rstrip("/")
        self._timeout = timeout
        self._most_samples = MOST_SAMPLES
        self._url = URL(f"{self._base}/chat/completions")
        self._who = f"the model {name!r} at {self._base}"
        self._key = given_key()
        self._proxy: URL | None = None
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def name(self) -> str:
        """The name given."""
        return self._name

    @property
    def identity(self) -> str:
        """Name and address: two servers may give one name to different models."""
        return f"{self._name} at {self._base}"

    @property
    def shape(self) -> Shape | None:
        """None: servers do not tell."""
        return None

    def most_samples(self) -> int:
        """The most samples of one prompt that one request may ask for."""
        return self._most_samples

    async def generate(self, request: Request) -> Completion:
        """Answer one request, in one attempt.

        Raises:
            PromptTooLongError: the prompt does not fit into the model's context.
            TransientError: no answer came, which may pass.
            ModelError: the request was refused.
        """
        return read_reply(await self._post(asked(self._name, request)), self._who).completions[0]

    async def sample(self, request: Request, samples: int) -> Samples:
        """Answer one request `samples` times, in one attempt; some servers give fewer answers.

        Raises:
            PromptTooLongError: the prompt does not fit into the model's context.
            TransientError: no answer came, which may pass.
            ModelError: the request was refused.
        """
        try:
            found = read_reply(await self._post(asked(self._name, request, samples)), self._who, samples)
        except ModelError as error:
            if samples == 1 or type(error) is not ModelError:
                raise
            found = Samples(())
        if len(found.completions) < samples:
            self._most_samples = 1
        return found

    async def close(self) -> None:
        """Close the connections; a second call does nothing."""
        session, self._session = self._session, None
        if session is not None and self._loop is asyncio.get_running_loop():
            await session.close()

    async def _post(self, body: dict[str, Any]) -> Any:
        """Send once and give what came back as data."""
        import aiohttp

        try:
            async with self._opened().post(
                self._url, data=msgspec.json.encode(body), allow_redirects=False, proxy=self._proxy
            ) as response:
                status, content, headers = response.status, await response.read(), response.headers
        except aiohttp.ClientSSLError as error:
            raise ModelError(f"{self._who} has no certificate that holds ({type(error).__name__})") from None
        except aiohttp.ClientHttpProxyError as error:
            raise ModelError(
                f"{self._who} is asked through a proxy, and that refuses (HTTP {error.status}); the environment "
                "variable HTTPS_PROXY names it, and NO_PROXY the hosts that do without"
            ) from None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnreachableError(f"{self._who} cannot be reached ({_reason(error)})") from None
        except TimeoutError:
            raise TransientError(
                f"{self._who} gave no answer within {self._timeout:g} s (--timeout)", charged=True
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise TransientError(f"{self._who} dropped a connection ({type(error).__name__})", charged=True) from None
        if status == 404:
            raise ModelError(f"{self._who} is not there (HTTP 404){await self._offered()}")
        if status != 200:
            said = content.decode(errors="replace")
            if 300 <= status < 400:
                said = "it stands elsewhere; give --api-base its last address"
            raise refusal(self._who, status, said, retry_after(headers.get("Retry-After")), KEY)
        try:
            data = read_json(content)
        except ValueError:
            kind = headers.get("Content-Type", "something unnamed").partition(";")[0]
            where = f" ({BASE_RULE})" if kind == "text/html" else ""  # the page of something else, or that of a gateway
            raise TransientError(
                f"{self._who} sent {without_secrets(kind)} that is no JSON{where}", charged=True
            ) from None
        if isinstance(data, dict) and "choices" not in data and "error" in data:  # some gateways send errors as a 200
            code = data["error"].get("code") if isinstance(data["error"], dict) else None
            failed = type(code) is int and 400 <= code < 600 and code not in LOST  # else it may have been computed
            said = without_secrets(content.decode(errors="replace"))
            raise TransientError(f"{self._who} failed: {said}", charged=not failed)
        return data

    async def _offered(self) -> str:
        """What the server has instead, as the rest of a sentence."""
        import aiohttp

        try:
            async with self._opened().get(f"{self._base}/models", allow_redirects=False, proxy=self._proxy) as response:
                names = [str(each["id"]) for each in read_json(await response.read())["data"]]
        except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError, RecursionError):
            return f"; {BASE_RULE}"
        return f"; the server has {without_secrets(', '.join(names))}"

    def _opened(self) -> aiohttp.ClientSession:
        """The session of the running loop."""
        loop = asyncio.get_running_loop()
        if self._session is None or loop is not self._loop:
            import aiohttp

            self._proxy = _proxy_to(self._url)
            authorization = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            headers = {"Content-Type": "application/json", **authorization}
            self._loop, self._session = (
                loop,
                aiohttp.ClientSession(
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=self._timeout, sock_connect=CONNECT_SECONDS),
                    connector=aiohttp.TCPConnector(limit=0),  # the engine limits the calls under way
                    cookie_jar=aiohttp.DummyCookieJar(),
                ),
            )
        return self._session


def _reason(error: OSError) -> str:
    """Why nobody was reached, in the system's words where it has some, as in Connection refused."""
    if error.errno is None:
        return type(error).__name__
    return os.strerror(error.errno) if error.errno > 0 else error.strerror or ""  # below 0 for names that nobody knows


def _proxy_to(url: URL) -> URL | None:
    """The proxy that the environment has for an address (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY), if any.

    It is looked up once: aiohttp's own `trust_env` does so for every request, and takes keys from ~/.netrc. A server
    on this machine is always asked directly.

    Raises:
        ModelError: it is none that can be used.
    """
    host, proxies = url.host or "", getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found or _is_here(host) or proxy_bypass(f"{host}:{url.port}"):
        return None
    try:
        proxy = URL(found if "://" in found else f"http://{found}")
        if proxy.scheme in ("http", "https") and proxy.host:
            return proxy
    except ValueError:
        pass
    # The address is not repeated: it may hold a password.
    raise ModelError(
        f"a proxy must be a URL such as http://proxy:3128, and the one in {url.scheme.upper()}_PROXY is not; NO_PROXY "
        "names the hosts that do without"
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
