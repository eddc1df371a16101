#include "dialect/kumo/library.h"

#include "dialect/kumo/http_response.h"

namespace postern::dialect::kumo {

std::vector<script::HostTable> library() {
  return {crypto_functions(),   digest_functions(),        dns_functions(),    encode_functions(),
          http_functions(),     http_response_functions(), log_functions(),    regex_functions(),
          secrets_functions(),  serde_functions(),         sqlite_functions(), string_functions(),
          throttle_functions(), time_functions(),          uuid_functions(),   version_functions()};
}

}  // namespace postern::dialect::kumo
