"""Plants a violation of each rule of scan.py into an empty tree and expects that rule, and no other, to find it."""

import pathlib
import subprocess
import sys
import tempfile

import scan

PLANTED = {
    "headers of SQLite": ("src/chat/a.cpp", "#include <sqlite3.h>\n"),
    "headers of MongoDB": ("src/storage/sqlite/a.cpp", "  #  include <mongoc/mongoc.h>\n"),
    "headers of RabbitMQ": ("src/messaging/a.cpp", "#include <rabbitmq-c/amqp.h>\n"),
    "headers of Redis": ("src/messaging/sqlite/a.cpp", "#include <hiredis/hiredis.h>\n"),
    "headers of libcurl": ("src/chat/a.cpp", "#include <curl/curl.h>\n"),
    "headers of Beast": ("src/realtime/a.cpp", "#include <boost/beast.hpp>\n"),
    "headers of Asio": ("src/realtime/a.cpp", "#include <boost/asio.hpp>\n"),
    "headers of Boost.JSON": ("src/net/a.cpp", "#include <boost/json.hpp>\n"),
    "headers of OpenSSL": ("src/chat/a.cpp", "#include <openssl/evp.h>\n"),
    "headers of libsodium": ("src/net/a.cpp", "#include <sodium.h>\n"),
    "headers of toml++": ("src/app/a.cpp", "#include <toml++/toml.h>\n"),
    "headers of CLI11": ("src/net/a.cpp", "#include <CLI/CLI.hpp>\n"),
    "headers of Prometheus": ("src/chat/a.cpp", "#include <prometheus/registry.h>\n"),
    "headers of zlib": ("src/chat/a.cpp", "#include <zlib.h>\n"),
    "headers of zstd": ("src/app/config/a.cpp", "#include <zstd.h>\n"),
    "headers of io_uring": ("src/storage/a.cpp", "#include <liburing.h>\n"),
    "headers of sockets": ("examples/echo/a.cpp", "#include <sys/socket.h>\n"),
    "headers of GoogleTest": ("src/base/a.cpp", "#include <gtest/gtest.h>\n"),
    "private headers": ("src/net/a.cpp", '#include "../chat/private.hpp"\n'),
    "private headers stay": ("src/storage/chat/a.cpp", '#include "../sqlite/private.hpp"\n'),
    "public headers": ("src/net/include/tidings/net/a.hpp", '#include "other.hpp"\n'),
    "types have": ("src/net/a.cpp", 'namespace tidings::net {\nclass Kept final : public Base {\n  int x;\n};\n}\n'),
    "examples": ("examples/echo/a.cpp", '#include "private.hpp"\n'),
    "no file holds": ("docs/a.md", "see https://" + "pypi" + ".org/project/x\n"),
}
# Names that look close and are allowed.
ALLOWED = {
    "src/storage/sqlite/a.cpp": "#include <sqlite3.h>\n",
    "src/base/sqlite/a.cpp": "#include <sqlite3.h>\n",
    "src/net/connection_test.cpp": "#include <gtest/gtest.h>\n#include <openssl/ssl.h>\n",
    "src/chat/auth/include/tidings/auth/x.hpp": "#include <tidings/base/json.hpp>\n",
    "src/chat/auth/testing/keys.hpp": "#include <openssl/rsa.h>\n",
    "src/chat/auth/keys_test.cpp": '#include "testing/keys.hpp"\n',
    "src/chat/private.hpp": "#pragma once\n// <sqlite3.h> is only named here\n",
    "src/chat/room.cpp": '#include "private.hpp"\n',
    "src/net/include/tidings/net/other.hpp": "#pragma once\n",
    "src/net/other.hpp": "#pragma once\n",
    "src/storage/sqlite/private.hpp": "#pragma once\n",
    "src/net/include/tidings/net/x.hpp": "#pragma once\n",
    "src/storage/sqlite/suite_test.cpp": '#include "../../eventing/testing/suite.hpp"\n',
    "src/eventing/testing/suite.hpp": "#pragma once\n",
    "src/net/kept.hpp": "namespace tidings::net {\nclass Forward;\nclass Kept {\n  struct Row {};\n};\n}\n",
    "src/net/local.cpp": 'namespace tidings::net {\nnamespace {\nclass Kept {};\n}  // class Other {\nclass Other {};\n}\n',
    "src/net/other.cpp": 'namespace tidings::net {\nvoid F(class Forward& x) { const char* s = "class Other {"; struct Row {}; }\n}\n',
    "src/chat/kept.hpp": "namespace tidings::chat {\nstruct Kept {};\ntemplate <class T> class Of {};\ntemplate <> class Of<int> {};\n}\n",
    "src/eventing/testing/store_suite/store_tests.cpp": '#include <gtest/gtest.h>\n#include "testing/suite.hpp"\n',
    "picture.png": "\0\1\2",
}


def found(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        subprocess.run(["git", "init", "-q", folder], check=True)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [name for name, violations in scan.rules(root) if violations]


def main():
    wrong = []
    if found(ALLOWED):
        wrong.append(f"found in a clean tree: {found(ALLOWED)}")
    names = [name for name, _ in scan.rules(pathlib.Path(__file__).parents[2])]
    for rule, (path, text) in PLANTED.items():
        hits = found({**ALLOWED, path: text})
        # A public header's private include is no header of its target either, unless it is there.
        if len(hits) != 1 or not hits[0].startswith(rule):
            wrong.append(f"{path} with {text.strip()!r}: found {hits}, expected {rule!r}")
    for name in names:
        if not any(name.startswith(rule) for rule in PLANTED):
            wrong.append(f"nothing is planted for {name!r}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
