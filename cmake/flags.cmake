# Compiler cache, linker, warnings, hardening and sanitizers, for every target alike (a shared
# precompiled header needs the same flags everywhere).
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_SOURCE_DIR}/cmake/compile-cached ${CMAKE_SOURCE_DIR})
  # ccache's own 5 GB do not hold all presets for long. A size that the user chose stays.
  execute_process(COMMAND ${CCACHE} -p OUTPUT_VARIABLE settings)
  if(settings MATCHES "\\(default\\) max_size")
    execute_process(COMMAND ${CCACHE} --max-size 20G OUTPUT_QUIET)
  endif()
endif()
find_program(MOLD mold)
if(MOLD AND NOT POSTERN_SANITIZE AND NOT POSTERN_COVERAGE AND NOT CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_link_options(-fuse-ld=mold)
else()
  add_link_options(-fuse-ld=lld)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wno-missing-field-initializers -Wmisleading-indentation
                    -fstack-protector-strong -fPIE -pthread)
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Xclang> $<$<COMPILE_LANGUAGE:CXX>:-fno-pch-timestamp>)
# An object holds no path of the folder that it was built in: `src/base/ip.cc`, however the compiler was given it.
if(NOT POSTERN_COVERAGE)
  add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=../../=)
endif()
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_link_options(-pie -Wl,-z,relro,-z,now)
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # For the image (at most 60 MB, packaging/make-image): functions with the same octets are there once, unless something asks for their
  # addresses, and relocations are packed. Each is half a megabyte. lld notes that glibc has to know them (2.36 and later); Debian 12's mold does not.
  # A section for each function and variable: a unit of many sources would be linked whole.
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--icf=safe -Wl,--gc-sections -Wl,-z,pack-relative-relocs)
  # Packages of a release have more protections; their price is not measured yet (docs/decisions/0074-release.md).
  # packaging/check-hardening asserts each on the linked binary.
  option(POSTERN_HARDENING "FORTIFY 3, stack probes, shadow stack" OFF)
  if(POSTERN_HARDENING)
    add_compile_definitions(_FORTIFY_SOURCE=3)
    add_compile_options(-fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
      add_compile_options(-fcf-protection=full)
      add_link_options(-Wl,-z,shstk)  # Debian's static libraries carry no note of their own and would take it away
    endif()
  else()
    add_compile_definitions(_FORTIFY_SOURCE=2)
  endif()
endif()
if(POSTERN_UNITY)
  add_compile_options(-Wno-shadow)  # names of one file would shadow those of the next; `dev` warns of those in a file
endif()
if(POSTERN_SANITIZE)
  # object-size knows what the optimizer can prove, of which AddressSanitizer sees the whole, and costs a tenth of the time to compile.
  add_compile_options(-fsanitize=${POSTERN_SANITIZE} -fno-sanitize=object-size -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${POSTERN_SANITIZE})
endif()
if(POSTERN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(POSTERN_COVERAGE)  # its tools look for sources by absolute paths
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate -fcoverage-mapping)
endif()
