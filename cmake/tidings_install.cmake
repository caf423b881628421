# Installs layers as components of a CMake package:
#
#   tidings_install(base messaging messaging_redis)
#   find_package(tidings COMPONENTS messaging)     # in another project; then link tidings::messaging
#
# A name that is no target is left out, so that the list may be the whole of what there may be. Each component has an
# export file of its own; the config file reads those that are asked for, with what they stand on.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

function(tidings_install)
  set(folder "${CMAKE_INSTALL_LIBDIR}/cmake/tidings")
  set(TIDINGS_COMPONENT_DEPS)
  foreach(name IN LISTS ARGN)
    set(target tidings_${name})
    if(NOT TARGET ${target})
      continue()
    endif()
    get_target_property(root ${target} TIDINGS_ROOT)
    get_target_property(deps ${target} TIDINGS_DEPS)
    if(EXISTS "${root}/include")
      install(DIRECTORY "${root}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT ${name})
    endif()
    install(TARGETS ${target} EXPORT tidings_${name} COMPONENT ${name}
      ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
    install(EXPORT tidings_${name} FILE tidings_${name}.cmake NAMESPACE tidings:: DESTINATION "${folder}"
      COMPONENT ${name})
    string(APPEND TIDINGS_COMPONENT_DEPS "set(tidings_${name}_deps ${deps})\n")
  endforeach()
  configure_package_config_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/tidings-config.cmake.in"
    "${CMAKE_BINARY_DIR}/tidings-config.cmake" INSTALL_DESTINATION "${folder}")
  write_basic_package_version_file("${CMAKE_BINARY_DIR}/tidings-config-version.cmake" COMPATIBILITY SameMinorVersion)
  install(FILES "${CMAKE_BINARY_DIR}/tidings-config.cmake" "${CMAKE_BINARY_DIR}/tidings-config-version.cmake"
    DESTINATION "${folder}" COMPONENT base)
endfunction()
