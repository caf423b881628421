# Writes the table of what /, /docs and /openapi.json hand out.
#   cmake -D OUT=assets.cpp -D PAGE=page -D DOCS=docs -P embed.cmake
set(assets
  "/|text/html|${PAGE}/index.html"
  "/app.css|text/css|${PAGE}/app.css"
  "/app.js|text/javascript|${PAGE}/app.js"
  "/socket.js|text/javascript|${PAGE}/socket.js"
  "/docs|text/html|${PAGE}/docs.html"
  "/docs.js|text/javascript|${PAGE}/docs.js"
  "/openapi.json|application/json|${DOCS}/openapi.json"
  "/asyncapi.yaml|text/plain|${DOCS}/asyncapi.yaml")

set(arrays "")
set(rows "")
set(number 0)
foreach(asset IN LISTS assets)
  string(REPLACE "|" ";" parts "${asset}")
  list(GET parts 0 path)
  list(GET parts 1 type)
  list(GET parts 2 file)
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND arrays "constexpr char kAsset${number}[] = {${bytes}};\n")
  string(APPEND rows
    "    {\"${path}\", \"${type}; charset=utf-8\", {kAsset${number}, sizeof kAsset${number}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUT}" "// Written by embed.cmake.
#include \"asset.hpp\"

namespace tidings::app {

namespace {

${arrays}
constexpr Asset kAssets[] = {
${rows}};

}  // namespace

std::span<const Asset> Assets() { return kAssets; }

}  // namespace tidings::app
")
