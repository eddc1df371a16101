// An examination of one gateway: the list of checks, and the facts that they share. `postern
// doctor` runs it, and `postern setup` a part of it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "backup/integrity.h"
#include "base/error.h"
#include "config/config.h"
#include "doctor/dns_checks.h"
#include "doctor/finding.h"
#include "doctor/gateway_checks.h"
#include "doctor/machine_checks.h"
#include "doctor/records.h"
#include "net/dnssec.h"

namespace postern::doctor {

/// Asks the running gateway a question of commands about live data; nullopt: none runs. Blocks.
using AskGateway = std::function<std::optional<Result<boost::json::object>>(
    std::string_view question, const boost::json::object& given)>;

/// Whom an examination may ask.
struct Sources {
  AskGateway gateway;  ///< never empty
  /// The state of each destination of the queue (docs/queue.md). Never empty. Blocks.
  std::function<Result<boost::json::object>()> destinations;
  /// Whether each database is sound, read with the rights of their owner. Never empty. Blocks.
  std::function<std::vector<backup::DatabaseState>()> databases;
  /// Reads every message of the queue (`postern queue verify`). Never empty. Blocks for long.
  std::function<Result<boost::json::object>()> verification;
  /// Never empty if a check with Check::network runs.
  Ask dns;
  /// Whether answers of `dns` can be secure; nullopt: they come from a file.
  std::optional<net::DnssecState> dnssec;
  Fetch fetch;  ///< empty: nothing is fetched
};

/// What an operator names beside the configuration.
struct Named {
  std::string file;                  ///< the configuration, as diagnostics name it
  std::vector<std::string> domains;  ///< A-labels in lower case; empty: those of the gateway
  std::vector<IpAddress> addresses;  ///< empty: those of the configuration and the machine
  std::string outgoing;              ///< a host with or without a port, for the check `outgoing`
  std::string next_certificate;      ///< a PEM file that is not in use yet; empty: none
};

/// What the gateway says of itself. `directory`: its data directory, for messages.
ServerFacts ask_server(const AskGateway& gateway, const std::string& directory);

/// All that checks look at. Facts are read when the first check needs them. One thread.
class Examination {
 public:
  /// A configuration with errors is a finding, not an obstacle.
  Examination(app::ConfigResult loaded, Named named, Sources sources);

  /// The configuration.
  const app::Config& config() const { return loaded_.config; }
  /// What was found in it.
  const app::ConfigResult& loaded() const { return loaded_; }
  /// As given.
  const Named& named() const { return named_; }
  /// As given.
  const Sources& sources() const { return sources_; }
  /// The running gateway. Blocks.
  const ServerFacts& server();
  /// Its data directory. Blocks on the disk.
  const DirectoryFacts& directory();
  /// Certificates of listeners and of virtual domains. Blocks on the disk.
  const std::vector<CertificateFile>& certificates();
  /// With domains, keys and digests. Blocks.
  const DnsFacts& dns_facts();
  /// After two questions without an answer, none is asked. Blocks.
  dns::Answer ask(const dns::Question& question);

 private:
  void add_live_facts();
  /// What the gateway says of a listener's certificate whose file cannot be read here.
  void ask_about(CertificateFile& certificate, const std::string& listener);

  app::ConfigResult loaded_;
  const Named named_;
  const Sources sources_;
  DnsFacts facts_;
  bool complete_ = false;  ///< facts_ has what the gateway was asked for
  std::optional<ServerFacts> server_;
  std::optional<DirectoryFacts> directory_;
  std::optional<std::vector<CertificateFile>> certificates_;
  int silences_ = 0;
};

/// A check: facts in, findings out.
struct Check {
  std::string_view name;                ///< of --check
  bool network;                         ///< asks DNS or another host
  bool on_demand;                       ///< not among those that run when none is named
  Findings (*look)(Examination& from);  ///< at least one finding. Blocks
};
/// All of them, in the order in which they run.
std::span<const Check> checks();
/// The findings of the checks of these names, in the order of checks().
Findings examine(Examination& from, const std::vector<std::string_view>& names);

}  // namespace postern::doctor
