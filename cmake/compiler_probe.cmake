# Refuses a compiler that destroys an aggregate temporary of a co_await expression twice (g++ 12.2 does).
# The probe is a small program that counts constructions and destructions; see docs/adr/0001-compiler.md.
if(NOT DEFINED TIDINGS_COROUTINES_SOUND)
  try_run(probe_exit probe_compiled
    "${CMAKE_BINARY_DIR}/compiler_probe" "${CMAKE_CURRENT_LIST_DIR}/compiler_probe.cpp"
    CXX_STANDARD 23 CXX_STANDARD_REQUIRED ON
    COMPILE_OUTPUT_VARIABLE probe_output)
  if(NOT probe_compiled)
    message(FATAL_ERROR "tidings needs a C++23 compiler with coroutines and std::expected; "
      "${CMAKE_CXX_COMPILER} cannot compile the probe. On Debian 12: apt-get install clang-19 lld-19, then "
      "cmake -DCMAKE_CXX_COMPILER=clang++-19.\n${probe_output}")
  endif()
  if(NOT probe_exit EQUAL 0)
    message(FATAL_ERROR "${CMAKE_CXX_COMPILER} miscompiles coroutines: it destroys a temporary inside a co_await "
      "expression twice (g++ 12.2 has this defect). On Debian 12: apt-get install clang-19 lld-19, then "
      "cmake -DCMAKE_CXX_COMPILER=clang++-19.")
  endif()
  set(TIDINGS_COROUTINES_SOUND TRUE CACHE INTERNAL "The compiler passed the coroutine probe")
endif()
