#include "base/version.h"

namespace postern {

Version current_version() {
  return {POSTERN_VERSION, POSTERN_REVISION, "clang " __clang_version__};
}

}  // namespace postern
