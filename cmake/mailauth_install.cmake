# `cmake --install BUILD --component mailauth`: the mailauth library for programs that are not
# Postern. Its headers, and those of `base` they include, have a folder of their own.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(MAILAUTH_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR}/mailauth-${PROJECT_VERSION})
set(mailauth_cmake ${CMAKE_INSTALL_LIBDIR}/cmake/mailauth)

install(TARGETS postern_mailauth postern_base ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT mailauth)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/src/mailauth DESTINATION ${MAILAUTH_INCLUDEDIR}
        COMPONENT mailauth FILES_MATCHING PATTERN *.h PATTERN *_test.h EXCLUDE
        PATTERN ar/scanner.h EXCLUDE PATTERN dkim/octet_search.h EXCLUDE
        PATTERN dmarc/discovery.h EXCLUDE PATTERN spf/state.h EXCLUDE)
install(FILES ${CMAKE_SOURCE_DIR}/src/base/error.h ${CMAKE_SOURCE_DIR}/src/base/ip.h
              ${CMAKE_SOURCE_DIR}/src/base/secret.h ${CMAKE_SOURCE_DIR}/src/base/text.h
        DESTINATION ${MAILAUTH_INCLUDEDIR}/base COMPONENT mailauth)
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/mailauthConfig.cmake.in
  ${CMAKE_BINARY_DIR}/mailauthConfig.cmake INSTALL_DESTINATION ${mailauth_cmake}
  PATH_VARS CMAKE_INSTALL_LIBDIR MAILAUTH_INCLUDEDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/mailauthConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/mailauthConfig.cmake
              ${CMAKE_BINARY_DIR}/mailauthConfigVersion.cmake
        DESTINATION ${mailauth_cmake} COMPONENT mailauth)

if(POSTERN_TESTS)
  set(outside_flags "")
  if(POSTERN_SANITIZE)
    string(APPEND outside_flags " -fsanitize=${POSTERN_SANITIZE}")
  endif()
  if(POSTERN_FUZZ)
    string(APPEND outside_flags " -fsanitize=fuzzer-no-link")
  endif()
  if(POSTERN_COVERAGE)
    string(APPEND outside_flags " -fprofile-instr-generate -fcoverage-mapping")
  endif()
  add_test(NAME mailauth_outside
    COMMAND ${CMAKE_COMMAND} -DBUILD=${CMAKE_BINARY_DIR} -DSOURCE=${CMAKE_SOURCE_DIR}
      -DCOMPILER=${CMAKE_CXX_COMPILER} -DFLAGS=${outside_flags}
      -P ${CMAKE_SOURCE_DIR}/tests/mailauth_outside/run.cmake)
endif()
