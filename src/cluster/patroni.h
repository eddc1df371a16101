// What Patroni, which decides which host of PostgreSQL is the primary, says of itself.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace postern::cluster {

/// Patroni on one host.
struct PatroniHost {
  std::string url;      ///< of its REST API
  std::string version;  ///< "4.0.7"; empty: it does not answer
  std::string trouble;  ///< why it does not
};

/// All that were asked.
struct Patroni {
  std::vector<PatroniHost> hosts;   ///< in the order of the configuration
  bool is_known = false;            ///< one of them said what follows
  bool synchronous = false;         ///< synchronous_mode, by whatever name
  bool strict = false;              ///< synchronous_mode_strict
  bool paused = false;              ///< nobody takes over
  std::int64_t ttl = 30;            ///< seconds
  std::int64_t loop_wait = 10;      ///< seconds
  std::int64_t retry_timeout = 10;  ///< seconds
  /// Members that run and may become the primary without a loss.
  std::int64_t candidates = 0;
};

/// The body of a 200 to GET, or why there is none.
using HttpGet = std::function<Result<std::string>(const std::string& url)>;
/// HttpGet over the network, within 3 seconds.
Result<std::string> http_get(const std::string& url);

/// Asks the REST API at each of `urls`. Blocks.
Patroni ask_patroni(const std::vector<std::string>& urls, const HttpGet& get = http_get);

/// Whether `version` is lower than `other`, number by number.
bool is_older(const std::string& version, const std::string& other);

/// Why a failover of it loses what was acknowledged; empty: not known. `with_etcd3`: it keeps its
/// lock with the protocol `etcd3`.
std::string loses_mail(const Patroni& patroni, bool with_etcd3);

}  // namespace postern::cluster
