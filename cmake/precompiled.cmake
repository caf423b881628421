# Headers that most sources include are read once for all of them, which is more than half of the time of compiling them.
# There are four sets, each a target that all others reuse: with and without Asio, with and without what tests include.
#
#   tidings_precompile(asio LIBRARIES Boost::headers HEADERS <boost/asio/co_spawn.hpp> …)
#   tidings_use_precompiled(tidings_messaging asio)
#   tidings_use_precompiled(messaging_test test asio)
#
# Without them (-DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON, as the preset "apart" has it) everything must compile too: sources name
# what they use. Headers of tidings itself are never among them, for with one of these changed everything would be compiled
# anew.
set(TIDINGS_PRECOMPILED_ALWAYS <algorithm> <array> <atomic> <chrono> <cstddef> <cstdint> <deque> <exception> <expected>
  <functional> <initializer_list> <list> <map> <memory> <mutex> <optional> <ostream> <ranges> <set> <span> <sstream>
  <stdexcept> <string> <string_view> <thread> <tuple> <type_traits> <unordered_map> <unordered_set> <utility> <variant>
  <vector>)

function(tidings_precompile name)
  cmake_parse_arguments(arg "" "" "LIBRARIES;HEADERS" ${ARGN})
  set(target tidings_precompiled_${name})
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${target}.cpp")
  if(NOT EXISTS "${source}")
    file(WRITE "${source}" "")
  endif()
  add_library(${target} OBJECT EXCLUDE_FROM_ALL "${source}")
  target_link_libraries(${target} PRIVATE tidings_options ${arg_LIBRARIES})
  target_precompile_headers(${target} PRIVATE ${TIDINGS_PRECOMPILED_ALWAYS} ${arg_HEADERS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # ccache keeps what is compiled with a precompiled header only if that bears no times.
    target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)
  endif()
endfunction()

# tidings_use_precompiled(TARGET [test] [asio])
function(tidings_use_precompiled target)
  list(JOIN ARGN "_" name)
  if(NOT name)
    set(name plain)
  endif()
  # A project may have made none.
  if(TARGET tidings_precompiled_${name})
    target_precompile_headers(${target} REUSE_FROM tidings_precompiled_${name})
  endif()
endfunction()
