# The pages of the web UI: npm packages in, hashed and compressed files out, embedded by the assembler.
# What the build makes lies in ${CMAKE_BINARY_DIR}/web; nothing of npm is needed to run the binary.
# POSTERN_WEB_PAGES: a folder with pages that were made before; a release makes them once for all its builds.
set(POSTERN_WEB_PAGES "" CACHE PATH "the folder build/PRESET/web of an earlier build; empty: the pages are made")
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
find_program(NODE node REQUIRED)
find_program(NPM npm REQUIRED)
set(web ${CMAKE_SOURCE_DIR}/web)
file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${web}/src/*)

add_custom_command(
  OUTPUT ${web}/node_modules/.package-lock.json
  DEPENDS ${web}/package.json ${web}/package-lock.json
  COMMAND ${NPM} ci --silent --ignore-scripts
  COMMAND ${CMAKE_COMMAND} -E touch ${web}/node_modules/.package-lock.json
  WORKING_DIRECTORY ${web}
  COMMENT "npm packages of the web pages" VERBATIM)
add_custom_command(
  OUTPUT ${web_out}/assets.S ${web_out}/assets_table.cc
  DEPENDS ${web_sources} ${web}/build.mjs ${web}/tsconfig.json ${web}/node_modules/.package-lock.json ${CMAKE_SOURCE_DIR}/docs/openapi.yaml
  COMMAND ${NODE} ${web}/build.mjs --out ${web_out}/dist --embed ${web_out}
  COMMENT "Web pages" VERBATIM)
