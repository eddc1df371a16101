#include "policy/verifier.h"

namespace postern::policy {

Task<Result<std::optional<ScramKeys>>> Verifier::scram_keys(std::string) const {
  co_return std::optional<ScramKeys>();
}

}  // namespace postern::policy
