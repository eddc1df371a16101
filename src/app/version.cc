#include "app/version.h"

namespace postern::app {

#ifndef POSTERN_VERSION
#define POSTERN_VERSION "0.1.0"
#endif
#ifndef POSTERN_REVISION
#define POSTERN_REVISION "unknown"
#endif

Version current_version() {
  return {POSTERN_VERSION, POSTERN_REVISION, "clang " __clang_version__};
}

}  // namespace postern::app
