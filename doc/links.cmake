# Pages that only point at another one (man(7), .so): the verbs below groups that exist at the top level too.
execute_process(COMMAND ${GANTRY} __manual pages OUTPUT_VARIABLE pages COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${FOLDER})
string(REGEX MATCHALL "[^\n]+" pages "${pages}")
foreach(page ${pages})
  if(page MATCHES "^(.+) (.+)$")
    file(WRITE ${FOLDER}/gantry-${CMAKE_MATCH_1}.1 ".so man1/gantry-${CMAKE_MATCH_2}.1\n")
  endif()
endforeach()
