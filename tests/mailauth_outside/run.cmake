# Installs the library of a build tree, builds the project here against the copy, runs it.
# cmake -DBUILD=... -DSOURCE=... -DCOMPILER=... [-DFLAGS=...] -P run.cmake
set(work ${BUILD}/mailauth_outside)
file(REMOVE_RECURSE ${work})
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${ARGV}: ${status}\n${out}")
  endif()
  set(said "${out}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --component mailauth --prefix ${work}/installed)
run(${CMAKE_COMMAND} -S ${SOURCE}/tests/mailauth_outside -B ${work}/build -G Ninja
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS} -DCMAKE_BUILD_TYPE=Debug
    -DCMAKE_PREFIX_PATH=${work}/installed -DEXAMPLES=${SOURCE}/examples)
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/outside)

run(${work}/build/mailauth_check ${SOURCE}/examples/hello.eml ${SOURCE}/examples/hello.zone.json
    192.0.2.10 mail.example.org ann@example.org)
foreach(wanted "spf=pass" "dkim=pass" "dmarc=pass" "arc=none")
  if(NOT said MATCHES "${wanted}")
    message(FATAL_ERROR "the example does not say ${wanted}:\n${said}")
  endif()
endforeach()
