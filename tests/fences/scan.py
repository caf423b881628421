"""Checks what the compiler cannot: where headers of /usr/include may appear, that private headers stay private, and that no two
types have one name.

    scan.py [ROOT]

Prints a line for each rule and "N passed, N failed" at the end.
"""

import pathlib
import re
import subprocess
import sys

# A third party's headers, and the folders whose files may include them. Where a folder stands for a driver that is not
# written yet, it is the place where that will be.
HEADERS = [
    ("SQLite", r"sqlite3(ext)?\.h", ["src/base/sqlite", "src/storage/sqlite", "src/messaging/sqlite"]),
    ("MongoDB", r"(mongoc|bson|libmongoc|libbson)\b.*", ["src/storage/mongo"]),
    ("RabbitMQ", r"(amqp|rabbitmq-c)\b.*", ["src/messaging/rabbitmq"]),
    ("Redis", r"hiredis\b.*", ["src/messaging/redis"]),
    ("libcurl", r"curl/.*", ["src/net"]),
    ("Beast", r"boost/beast\b.*", ["src/net"]),
    ("Asio", r"boost/asio\b.*", ["src/net", "src/messaging", "src/app/relay", "src/app/queue", "src/app/workers", "src/app/prove", "bench/messaging", "examples", "tests/package"]),
    ("Boost.JSON, beside base/json.hpp", r"boost/json.*", ["src/base", "src/chat/auth"]),
    ("OpenSSL", r"openssl/.*", ["src/base", "src/chat/auth", "src/net"]),
    ("libsodium", r"sodium.*", ["src/base", "src/chat/auth"]),
    ("toml++", r"toml\+\+/.*", ["src/app/config"]),
    ("CLI11", r"CLI/.*", ["src/app", "examples"]),
    ("Prometheus", r"prometheus/.*", ["src/app", "src/net"]),
    ("zlib", r"z(lib|conf)\.h", ["src/net", "src/realtime"]),
    ("zstd", r"z(std|dict)(_errors)?\.h", ["src/app/workers"]),
    ("io_uring", r"liburing.*", ["src/net"]),
    ("sockets", r"(sys/socket|sys/epoll|netinet/.*|netdb|poll|sys/un)(\.h)?", ["src/net", "src/app", "src/messaging/servers"]),
    ("GoogleTest", r"(gtest|gmock)/.*", []),
]
# Tests and what only tests use.
TEST = re.compile(r"(_(test|fixture)\.(cpp|hpp)|/testing/(\w+_suite/)?[^/]+|/fuzz/[^/]+)$")

# Written so that this file does not hold them itself.
REGISTRIES = [r"registry[.]npmjs[.]", r"npmjs[.]com", r"registry[.]yarnpkg[.]", r"pypi[.]org", r"pythonhosted[.]org",
              r"crates[.]io/", r"repo1?[.]maven[.]", r"proxy[.]golang[.]", r"rubygems[.]org"]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
SOURCES = (".cpp", ".hpp", ".h", ".cc", ".c")


def files_of(root):
    """All files that belong to the tree, whether committed yet or not, relative to its root."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            check=True, capture_output=True).stdout.decode().split("\0")
    return [name for name in sorted(set(listed)) if name and (root / name).is_file()]


def text_of(path):
    data = path.read_bytes()
    return None if b"\0" in data else data.decode("utf-8", "replace")


def includes_of(root, name):
    """(line, angled, header) of each #include."""
    text = text_of(root / name) or ""
    return [(text.count("\n", 0, match.start(2)) + 1, match.group(1) == "<", match.group(2))
            for match in INCLUDE.finditer(text)]


def inside(name, folders):
    return any(name.startswith(f"{folder}/") for folder in folders)


def stray_headers(root, sources, pattern, folders, is_gtest):
    pattern = re.compile(pattern + r"\Z")
    for name in sources:
        if inside(name, folders) or (is_gtest and TEST.search(name)):
            continue
        for line, _, header in includes_of(root, name):
            if pattern.match(header):
                yield f"{name}:{line}: <{header}> belongs into {', '.join(folders) or 'tests'}"


def stray_private_headers(root, sources):
    """A header in quotes is one of the same layer, named from the file's folder or from one above it in the layer.

    A layer may have several targets, each in a folder of its own, so a header is never named by way of "..": what one
    target needs of another is public. A test may also include another layer's testing/, where the suites of its ports
    and its fakes are, and a file in testing/ what it tests.
    """
    for name in sources:
        if not name.startswith("src/"):
            continue
        layer = root / pathlib.PurePosixPath(*pathlib.PurePosixPath(name).parts[:2])
        places = [place for place in (root / name).parents if place.is_relative_to(layer)]
        for line, angled, header in includes_of(root, name):
            if angled:
                continue
            found = [(place / header).resolve() for place in places if (place / header).is_file()]
            if TEST.search(name) and any(header_file.parent.name == "testing" for header_file in found):
                continue
            climbs = header.startswith("../") and not TEST.search(name)
            if climbs or not any(header_file.is_relative_to(layer.resolve()) for header_file in found):
                yield f'{name}:{line}: "{header}" is no header of its target'


def public_headers_of_private_ones(root, sources):
    """A public header that includes a private one does not compile for those who use it."""
    for name in sources:
        if "/include/tidings/" not in name:
            continue
        for line, angled, header in includes_of(root, name):
            if not angled:
                yield f'{name}:{line}: a public header includes the private "{header}"'


def examples_use_public_headers(root, sources):
    for name in sources:
        if not name.startswith("examples/"):
            continue
        for line, angled, header in includes_of(root, name):
            if not angled and not (root / pathlib.PurePosixPath(name).parent / header).is_file():
                yield f'{name}:{line}: "{header}" is neither the example\'s own nor public'


def registry_addresses(root, names):
    pattern = re.compile("|".join(REGISTRIES))
    for name in names:
        text = text_of(root / name)
        for match in pattern.finditer(text or ""):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{name}:{line}: holds the address of a package registry ({match.group()})"


# What may hold braces and words that are none of the program's.
OPAQUE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<end>[^()\s]*)\(.*?\)(?P=end)"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\n|[^\n])*",
    re.DOTALL | re.MULTILINE,
)
NAMESPACE = re.compile(r"(?:inline\s+)?namespace\s*(?P<name>[\w:\s]*)\Z")
TYPE = re.compile(
    r"(?:template\s*<.*>\s*)?(?:class|struct|union|enum(?:\s+class|\s+struct)?)\s+"
    r"(?:\[\[.*?\]\]\s*|alignas\s*\(.*?\)\s*)*(?P<name>\w+(?:::\w+)*(?:\s*<[^{]*>)?)\s*(?:final\s*)?(?::[^:].*)?\Z",
    re.DOTALL,
)


def types_of(text):
    """(line, full name) of each type that is defined at the scope of a namespace that has a name."""
    text = OPAQUE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    scopes, begin = [], 0  # names of namespaces; None: anything else
    for match in re.finditer(r"[{};]", text):
        head = text[begin:match.start()].strip()
        begin = match.end()
        if match.group() == "}":
            if scopes:
                scopes.pop()
        elif match.group() == "{":
            namespace, defined = NAMESPACE.search(head), TYPE.search(head)
            if namespace:
                scopes.append(namespace["name"].strip() or None)
                continue
            if defined and None not in scopes:
                name = "::".join([*scopes, re.sub(r"\s+", "", defined["name"])])
                yield text.count("\n", 0, match.start()) + 1, name
            scopes.append(None)


def types_defined_twice(root, sources):
    """Two types of one name are one to the linker: it keeps the functions of either for both, and says nothing."""
    first = {}
    for name in sources:
        if not name.startswith("src/") or TEST.search(name):
            continue
        for line, defined in types_of(text_of(root / name) or ""):
            before = first.setdefault(defined, f"{name}:{line}")
            if not before.startswith(f"{name}:"):
                yield f"{name}:{line}: {defined} is defined in {before} too; rename one, or make it local to its file"


def rules(root):
    """(name, violations) of each rule."""
    names = files_of(root)
    sources = [name for name in names if name.endswith(SOURCES)]
    product = [name for name in sources if name.startswith(("src/", "examples/"))]
    for title, pattern, folders in HEADERS:
        where = ", ".join(folders) or "tests"
        yield (f"headers of {title} appear only in {where}",
               list(stray_headers(root, product, pattern, folders, title == "GoogleTest")))
    yield "private headers stay within their layer", list(stray_private_headers(root, product))
    yield "public headers include public headers only", list(public_headers_of_private_ones(root, product))
    yield "types have names of their own", list(types_defined_twice(root, product))
    yield "examples are made from public headers", list(examples_use_public_headers(root, product))
    yield "no file holds the address of a package registry", list(registry_addresses(root, names))


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    passed = failed = 0
    for name, violations in rules(root):
        if violations:
            failed += 1
            print(f"FAIL {name}")
            for violation in violations:
                print(f"       {violation}")
        else:
            passed += 1
            print(f"ok   {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
