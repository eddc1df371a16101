#include "config/vsl.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "base/strangers.h"
#include "base/text.h"
#include "config/config.h"
#include "config/failing_calls.h"
#include "config/input_file.h"
#include "config/reaper.h"
#include "config/room_options.h"
#include "config/script_runtime.h"
#include "dialect/vsl/policy.h"
#include "mailauth/dkim/sign.h"
#include "net/mysql_client.h"

namespace postern::app {

namespace vsl = dialect::vsl;
namespace json = boost::json;

namespace {

using SharedSigningKey = std::shared_ptr<const mailauth::dkim::SigningKey>;

/// A signing key from a PEM file; null after an error, which is reported.
SharedSigningKey read_key(const std::string& file, const std::string& path,
                          const Positions& positions, Diagnostics& diagnostics) {
  if (file.empty()) return nullptr;
  const auto refuse = [&](const std::string& why) {
    Diagnostic diagnostic = positions.at(
        path, "V003", fmt::format("cannot sign with {}: {}", printable(file, 200), why));
    diagnostic.hint = "`postern dkim keygen` makes a key; RSA of 1024 bits at least, or Ed25519";
    diagnostics.add(std::move(diagnostic));
    return nullptr;
  };
  std::ifstream in(file, std::ios::binary);
  const Secret pem(std::string((std::istreambuf_iterator<char>(in)), {}));
  if (!in) return refuse("the file cannot be read");
  auto key = mailauth::dkim::SigningKey::from_pem(pem);
  if (!key) return refuse(key.error().message);
  return std::make_shared<const mailauth::dkim::SigningKey>(std::move(*key));
}

json::object virtual_of(const VslVirtual& one) {
  json::object toml;
  if (!one.dkim_key.empty()) toml["dkim"] = {{"private_key", "****"}};
  if (!one.certificate.empty()) {
    toml["tls"] = {{"certificate", one.certificate}, {"private_key", "****"}};
  }
  return toml;
}

net::MysqlServers servers_of(const vsl::MysqlSettings& settings, bool read_only) {
  return {.hosts = {settings.host},
          .user = settings.user,
          .password = settings.password,
          .dbname = settings.dbname,
          .tls = {.required = settings.tls, .verify_name = settings.tls},
          .require_result_set = false,
          .keep_connections = false,
          .read_only = read_only};
}

/// The server of a `db:mysql` service.
class ScriptMysql final : public vsl::MysqlServer {
 public:
  explicit ScriptMysql(vsl::MysqlSettings settings) : settings_(std::move(settings)) {}

  Result<Rows> query(const Statement& statement, bool read_only,
                     script::Clock::time_point deadline) override {
    // No connection is kept, so neither is the client.
    auto table = net::MysqlClient(servers_of(settings_, read_only)).query(statement, deadline);
    if (!table) return tl::unexpected(table.error());
    return Rows{.columns = std::move(table->columns), .rows = std::move(table->rows)};
  }

 private:
  const vsl::MysqlSettings settings_;
};

vsl::Site site_of(const Config& config, const Positions& positions, Diagnostics& diagnostics) {
  const VslConfig& given = config.vsl;
  vsl::Site site;
  site.hostname = config.server.hostname;
  site.domain = given.own_domain(config.server.hostname);
  site.dkim_key = read_key(given.dkim_key, "vsl.dkim_key", positions, diagnostics);
  json::object virtual_domains;
  for (std::size_t i = 0; i < given.virtual_domains.size(); ++i) {
    const VslVirtual& one = given.virtual_domains[i];
    const std::string path = fmt::format("vsl.virtual.{}", i);
    if (one.domain.empty()) {
      const bool says_nothing = one.dkim_key.empty() && one.certificate.empty() && one.key.empty();
      if (!says_nothing) {
        diagnostics.add(positions.at(path, "V003", "a [[vsl.virtual]] without `domain`"));
      }
      continue;
    }
    site.virtual_domains[lower(one.domain)] =
        read_key(one.dkim_key, path + ".dkim_key", positions, diagnostics);
    virtual_domains[one.domain] = virtual_of(one);
  }
  if (!given.app_dir.empty())
    site.app_directory = std::filesystem::absolute(given.app_dir).string();
  site.allowed_commands = given.allow_commands;
  site.relay_networks = given.relay_networks;
  site.open_relay_is_known = given.open_relay_is_known;
  site.open_mysql = [](vsl::MysqlSettings settings) {
    return std::make_shared<ScriptMysql>(std::move(settings));
  };
  site.toml_server = {{"domain", site.domain}, {"hostname", site.hostname}};
  site.toml_server["virtual"] = std::move(virtual_domains);
  site.toml_app = {{"dirpath", site.app_directory}, {"vsl", {{"filepath", given.policy}}}};
  return site;
}

Diagnostic diagnostic_of(const vsl::Mistake& mistake, const std::filesystem::path& folder) {
  Diagnostic diagnostic;
  diagnostic.code = "V001";
  diagnostic.message = mistake.message;
  diagnostic.hint = mistake.hint;
  if (mistake.file.empty()) return diagnostic;
  diagnostic.file = (folder / mistake.file).string();
  diagnostic.line = mistake.at.line;
  diagnostic.column = mistake.at.column;
  diagnostic.end_column = mistake.at.column + 1;
  std::ifstream file(diagnostic.file);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::string line = lower(line_of(text, mistake.at.line));
  const bool has_secret =
      line.find("password") != std::string::npos || line.find("mysql://") != std::string::npos;
  if (!has_secret) diagnostic.source_line = std::string(line_of(text, mistake.at.line));
  return diagnostic;
}

vsl::VslPolicyOptions vsl_options(const Config& config, vsl::Site site) {
  const VslConfig& given = config.vsl;
  vsl::VslPolicyOptions options;
  options.path = given.policy;
  options.site = std::move(site);
  options.own_folders = {std::filesystem::absolute(config.server.data_dir).string()};
  options.must_be_authenticated = given.must_be_authenticated;
  options.has_accounts = std::ranges::any_of(
      config.auth.sources,
      [](const gateway::AuthSource& one) { return one.kind != gateway::AuthSource::Kind::none; });
  options.keep = given.runtime;
  options.limits = {.call = {.instructions = given.instructions,
                             .memory = given.memory,
                             .time = given.time,
                             .computing = given.computing},
                    .depth = static_cast<int>(given.depth),
                    .string = given.string,
                    .array = given.array};
  options.states =
      (config.server.threads != 0 ? config.server.threads
                                  : std::max(1u, std::thread::hardware_concurrency())) +
      other_threads;
  options.run = [runtime = std::weak_ptr(given.runtime)](Task<void> task) {
    if (const auto held = runtime.lock()) held->run(std::move(task));
  };
  return options;
}

/// Reports settings of the policy and the configuration that contradict each other.
void warn(const Config& config, const Positions& positions, Diagnostics& diagnostics) {
  const VslConfig& given = config.vsl;
  const auto add = [&](std::string message, std::string hint) {
    Diagnostic diagnostic = positions.at("vsl.policy", "V005", std::move(message));
    diagnostic.severity = Severity::warning;
    diagnostic.hint = std::move(hint);
    diagnostics.add(std::move(diagnostic));
  };
  if (given.policy.empty()) {
    add("no policy is named: every connection is denied",
        "write `policy = \"/etc/postern/rules/main.vsl\"` below [vsl]");
  } else if (given.mode == LuaMode::enforce && !config.auth.sources.empty() &&
             given.loaded->directives(policy::Stage::auth).empty()) {
    add("no client can sign in with [[auth.source]]: the policy has no rule in `authenticate`",
        "write `authenticate: [ rule \"accounts\" || authenticate() ]` into its stages");
  }
  for (const std::string& receiver : given.loaded->receivers()) {
    const auto wanted = Endpoint::parse(receiver);
    const bool there = std::ranges::any_of(config.listeners, [&](const ListenerConfig& one) {
      const Endpoint& at = one.address;
      const std::string host = at.address.to_string();
      return wanted && at.port == wanted->port &&
             (at.address == wanted->address || host == "0.0.0.0" || host == "::");
    });
    if (!there) {
      add("delegated mail cannot come back: no listener is at " + receiver,
          "add a [[listener]] with this address");
    }
  }
}

}  // namespace

void load_vsl(Config& config, const LoadOptions& options, const Positions& positions,
              Diagnostics& diagnostics) {
  VslConfig& given = config.vsl;
  if (!given.is_meant()) return;
  const auto stranger = stranger_in(given.relay_networks.networks());
  if (stranger && !given.open_relay_is_known) {
    Diagnostic diagnostic =
        positions.at("vsl.relay_networks", "V004",
                     "unknown clients may send mail anywhere" + relay_witness(*stranger));
    diagnostic.hint =
        "name the networks of your own clients; for an open relay on purpose, see "
        "`postern help V004`";
    diagnostics.add(std::move(diagnostic));
  }
  auto runtime = ScriptRuntime::open(resolver_options(config), "", options.asks_nobody);
  if (!runtime) {
    diagnostics.add(positions.at("dns.servers", "V002", "DNS: " + runtime.error().message));
    return;
  }
  given.runtime = std::move(*runtime);
  vsl::Site site = site_of(config, positions, diagnostics);
  std::error_code error;
  if (!given.policy.empty() && !std::filesystem::is_regular_file(given.policy, error)) {
    Diagnostic diagnostic =
        positions.at("vsl.policy", "V002",
                     fmt::format("cannot read the policy {}", printable(given.policy, 200)));
    diagnostic.hint = "paths are relative to the directory that postern was started in";
    diagnostics.add(std::move(diagnostic));
    return;
  }
  const std::filesystem::path folder = std::filesystem::path(given.policy).parent_path();
  auto loaded = vsl::VslPolicy::load(vsl_options(config, std::move(site)), given.runtime->world());
  if (!loaded) {
    for (const vsl::LoadMistake& mistake : loaded.error()) {
      Diagnostic diagnostic = diagnostic_of(mistake, folder);
      if (diagnostic.file.empty()) diagnostic.file = given.policy;
      if (mistake.is_failing_call) {
        diagnostic.severity = Severity::warning;
        diagnostic.code = failing_call_code;
      }
      if (diagnostic.hint.empty()) diagnostic.hint = "see `postern help V001`";
      diagnostics.add(std::move(diagnostic));
    }
    return;
  }
  given.loaded = reaped(std::move(*loaded));
  warn(config, positions, diagnostics);
  const auto add = [&](const std::vector<vsl::Mistake>& found, const char* code) {
    for (const vsl::Mistake& one : found) {
      Diagnostic diagnostic = diagnostic_of(one, folder);
      diagnostic.severity = Severity::warning;
      diagnostic.code = code;
      diagnostics.add(std::move(diagnostic));
    }
  };
  add(given.loaded->warnings(), "V005");
  add(given.loaded->failing_calls(), failing_call_code);
}

}  // namespace postern::app
