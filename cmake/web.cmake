# The pages of the web UI: npm packages in, hashed and compressed files out, embedded by the assembler.
# All builds share the pages of build/web and have a copy in ${CMAKE_BINARY_DIR}/web; nothing of npm is needed to run the binary.
# POSTERN_WEB_PAGES: a folder with pages that were made before; a release makes them once for all its builds.
set(POSTERN_WEB_PAGES "" CACHE PATH "a folder made by web/pages; empty: the pages are made")
set(web_out ${CMAKE_BINARY_DIR}/web)
set_source_files_properties(${web_out}/assets.S PROPERTIES INCLUDE_DIRECTORIES ${web_out})
if(POSTERN_WEB_PAGES)
  add_custom_command(
    OUTPUT ${web_out}/assets.S ${web_out}/assets_table.cc
    DEPENDS ${POSTERN_WEB_PAGES}/assets.S ${POSTERN_WEB_PAGES}/assets_table.cc
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${POSTERN_WEB_PAGES} ${web_out}
    COMMENT "Web pages that were made before" VERBATIM)
  return()
endif()
find_program(NPM npm REQUIRED)
set(web ${CMAKE_SOURCE_DIR}/web)
file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${web}/src/*)
add_custom_command(
  OUTPUT ${web_out}/assets.S ${web_out}/assets_table.cc
  DEPENDS ${web_sources} ${web}/pages ${web}/build.mjs ${web}/tsconfig.json ${web}/package.json ${web}/package-lock.json ${CMAKE_SOURCE_DIR}/docs/openapi.yaml
  COMMAND ${web}/pages ${CMAKE_SOURCE_DIR}/build/web
  COMMAND ${CMAKE_COMMAND} -E copy_directory ${CMAKE_SOURCE_DIR}/build/web ${web_out}
  COMMENT "Web pages" VERBATIM)
