# postern_allocator: C++ objects (operator new and delete) come from jemalloc, everything else from the C library
# (docs/decisions/0062-allocator.md). Debian's static library defines malloc and free, too; they are renamed, so that a
# program in which another library replaces malloc still works. Sanitizers have allocators of their own.
add_library(postern_allocator INTERFACE)
find_library(JEMALLOC NAMES libjemalloc_pic.a)
if(JEMALLOC AND NOT POSTERN_SANITIZE)
  set(renamed ${CMAKE_BINARY_DIR}/libpostern_jemalloc.a)
  set(names)
  foreach(name aligned_alloc calloc free malloc malloc_usable_size memalign posix_memalign realloc valloc)
    list(APPEND names --redefine-sym ${name}=postern_${name})
  endforeach()
  add_custom_command(OUTPUT ${renamed}
                     COMMAND ${CMAKE_OBJCOPY} ${names} ${JEMALLOC} ${renamed}
                     DEPENDS ${JEMALLOC} ${CMAKE_CURRENT_LIST_FILE}
                     COMMENT "jemalloc for operator new alone")
  add_custom_target(postern_jemalloc DEPENDS ${renamed})
  add_library(postern_renamed_jemalloc STATIC IMPORTED)
  set_target_properties(postern_renamed_jemalloc PROPERTIES IMPORTED_LOCATION ${renamed})
  add_dependencies(postern_renamed_jemalloc postern_jemalloc)
  target_link_libraries(postern_allocator INTERFACE postern_renamed_jemalloc)
elseif(NOT POSTERN_SANITIZE)
  message(STATUS "without jemalloc (package libjemalloc-dev): a message costs a tenth more CPU")
endif()
