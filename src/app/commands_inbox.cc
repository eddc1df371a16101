#include <ostream>

#include "app/commands.h"

namespace postern::app {

int run_inbox(const Arguments& arguments, Streams& streams) {
  report("no inbox here yet", "", arguments.has("--json"), streams);
  return to_int(ExitCode::no_input);
}

int run_passwd(const Arguments& arguments, Streams& streams) {
  report("no accounts here yet", "", arguments.has("--json"), streams);
  return to_int(ExitCode::no_input);
}

}  // namespace postern::app
