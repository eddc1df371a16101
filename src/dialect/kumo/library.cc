#include "dialect/kumo/library.h"
namespace postern::dialect::kumo {
std::vector<script::HostTable> library() {
  return {crypto_functions(), digest_functions(),  encode_functions(),
          log_functions(),    secrets_functions(), string_functions()};
}
}  // namespace postern::dialect::kumo
