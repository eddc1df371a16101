# postern_room(NAME [PURE] [SHARED] ROOMS <rooms it may include> [TEST_ROOMS <rooms of tests alone>] [LIBRARIES <targets>])
#
# One room of src/: every .cc below src/NAME is compiled into the library postern_NAME, every
# *_test.cc into the test program NAME_test (a slash in NAME becomes _). SHARED: folders in src/NAME
# are rooms of their own. ROOMS are the arrows of the house: tools/check-arrows reads the same list
# and refuses an #include outside it. Tests may include the TEST_ROOMS, too.
#
# Precompiled headers: one of the pure rooms, one of those that do input and output (pch_io), one of `policy` and the
# rooms that include it (pch_policy), each again for tests.
# Tests are compiled without optimization, which halves the time, and without the coverage counters
# that only fuzz targets read: flags of theirs, but none that changes a layout.
function(postern_precompiled_header name)
  add_library(${name} STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cc)
  string(REPLACE postern_ "" header ${name})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/cmake)
  target_precompile_headers(${name} PRIVATE <${header}.h>)  # without a path, which differs from clone to clone
  target_link_libraries(${name} PUBLIC PkgConfig::FMT ${ARGN})
endfunction()

set(test_options -O0)
if(POSTERN_FUZZ)
  list(APPEND test_options -fno-sanitize=fuzzer-no-link)
endif()

postern_precompiled_header(postern_pch)
postern_precompiled_header(postern_pch_io postern_asio Boost::json)
postern_precompiled_header(postern_pch_policy postern_pch_io)
target_include_directories(postern_pch_policy PRIVATE ${CMAKE_SOURCE_DIR}/src)
if(POSTERN_TESTS)
  postern_precompiled_header(postern_pch_test postern_pch GTest::gmock)
  postern_precompiled_header(postern_pch_io_test postern_pch_io GTest::gmock)
  postern_precompiled_header(postern_pch_policy_test postern_pch_policy GTest::gmock)
  target_include_directories(postern_pch_policy_test PRIVATE ${CMAKE_SOURCE_DIR}/src)
  foreach(name pch pch_io pch_policy)
    target_compile_options(postern_${name}_test PRIVATE ${test_options})
  endforeach()
endif()

# Unit tests run in the source folder, POSTERN_SOURCE_DIR: one object knows its path, the others are found in the compiler's cache
# by every clone.
if(POSTERN_TESTS)
  add_library(postern_test_main STATIC ${CMAKE_SOURCE_DIR}/cmake/test_main.cc)
  target_compile_definitions(postern_test_main PRIVATE POSTERN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(postern_test_main PUBLIC GTest::gtest)
endif()

# TEST_SHARDS n: its unit tests are n processes, which run beside each other.
function(postern_room name)
  cmake_parse_arguments(ROOM "PURE;SHARED" "TEST_SHARDS" "ROOMS;TEST_ROOMS;LIBRARIES" ${ARGN})
  if(ROOM_SHARED)
    file(GLOB all CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  else()
    file(GLOB_RECURSE all CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  endif()
  string(REPLACE / _ name ${name})
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  string(REPLACE / _ links "${ROOM_ROOMS}")
  list(TRANSFORM links PREPEND postern_)
  string(REPLACE / _ test_links "${ROOM_TEST_ROOMS}")
  list(TRANSFORM test_links PREPEND postern_)
  if(ROOM_PURE)
    set(pch postern_pch)
  elseif(name STREQUAL "policy" OR "policy" IN_LIST ROOM_ROOMS)
    set(pch postern_pch_policy)
  else()
    set(pch postern_pch_io)
  endif()

  if(sources)
    add_library(postern_${name} STATIC ${sources})
    target_include_directories(postern_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(postern_${name} PUBLIC ${links} ${ROOM_LIBRARIES} ${pch})
    target_precompile_headers(postern_${name} REUSE_FROM ${pch})
  else()
    add_library(postern_${name} INTERFACE)
    target_include_directories(postern_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(postern_${name} INTERFACE ${links} ${ROOM_LIBRARIES} ${pch})
  endif()

  if(POSTERN_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE postern_${name} ${test_links} postern_test_main GTest::gmock)
    target_precompile_headers(${name}_test REUSE_FROM ${pch}_test)
    target_compile_options(${name}_test PRIVATE ${test_options})
    target_compile_definitions(${name}_test PRIVATE POSTERN_SOURCE_DIR=".")
    if(ROOM_TEST_SHARDS)
      math(EXPR last "${ROOM_TEST_SHARDS} - 1")
      foreach(shard RANGE ${last})
        add_test(NAME ${name}_${shard} COMMAND ${name}_test)
        set_tests_properties(${name}_${shard} PROPERTIES ENVIRONMENT
          "GTEST_TOTAL_SHARDS=${ROOM_TEST_SHARDS};GTEST_SHARD_INDEX=${shard}")
      endforeach()
    else()
      add_test(NAME ${name} COMMAND ${name}_test)
    endif()
  endif()
endfunction()
