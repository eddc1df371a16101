#include "serve/sandbox_plan.h"

#include <fstream>

#include <fmt/format.h>

#include "base/text.h"
#include "config/schema.h"
#include "telemetry/log.h"

namespace postern::app {

namespace fs = std::filesystem;

namespace {

/// What glibc, OpenSSL, GMime, name services and LDAP read, with character sets, time zones and
/// certificate authorities.
constexpr const char* system_files[] = {"/etc/alternatives",
                                        "/etc/ca-certificates",
                                        "/etc/gai.conf",
                                        "/etc/host.conf",
                                        "/etc/hosts",
                                        "/etc/krb5.conf",
                                        "/etc/ld.so.cache",
                                        "/etc/ldap",
                                        "/etc/localtime",
                                        "/etc/nsswitch.conf",
                                        "/etc/resolv.conf",
                                        "/etc/services",
                                        "/etc/ssl/certs",
                                        "/etc/ssl/openssl.cnf",
                                        "/etc/timezone",
                                        "/dev/null",
                                        "/dev/urandom",
                                        "/lib",
                                        "/lib64",
                                        "/proc/self",
                                        "/proc/sys",
                                        "/run/systemd/resolve",
                                        "/sys/devices/system/cpu",
                                        "/usr/lib",
                                        "/usr/local/lib",
                                        "/usr/share"};

class Planner {
 public:
  void write(const fs::path& path) { add(plan.write, nearest(path)); }
  /// The directory: what is replaced by a new file of the same name has another inode.
  void write_beside(const fs::path& file) {
    if (!file.empty()) write(fs::absolute(file).parent_path());
  }
  void read(const fs::path& path) {
    if (!path.empty()) add(plan.read, fs::absolute(path));
  }
  /// As write_beside(), with the directory where a symbolic link leads, as those of certbot do. Of
  /// a file in / or in a directory of / itself, that file alone.
  void read_beside(const fs::path& file) {
    if (file.empty()) return;
    std::error_code error;
    for (const fs::path& name : {fs::absolute(file), fs::weakly_canonical(file, error)}) {
      const bool high = std::distance(name.begin(), name.end()) <= 3;
      if (!error) read(high ? name : name.parent_path());
    }
  }

  sandbox::Plan plan;

 private:
  static void add(std::vector<fs::path>& to, const fs::path& path) {
    if (!path.empty() && std::ranges::find(to, path) == to.end()) to.push_back(path);
  }
  /// The path if it exists, or the directory in which it can be made; empty if that is /.
  static fs::path nearest(const fs::path& path) {
    std::error_code error;
    if (path.empty()) return {};
    fs::path at = fs::absolute(path, error);
    while (at.has_relative_path() && !fs::exists(at, error)) at = at.parent_path();
    return at.has_relative_path() ? at : fs::path();
  }
};

/// The database of a `sqlite:` table's definition; empty if it cannot be read.
std::string dbpath_of(const std::string& definition) {
  std::ifstream file(definition);
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos || trim(line.substr(0, equals)) != "dbpath") continue;
    return std::string(trim(line.substr(equals + 1)));
  }
  return {};
}

/// Calls `found` with each `/path` that follows `prefix` in a list.
template <class Found>
void each_path(std::string_view text, std::string_view prefix, const Found& found) {
  for (auto at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at)) {
    at += prefix.size();
    const auto end = std::min(text.find_first_of(" \t\r\n,{}&\"'", at), text.size());
    if (at < end && text[at] == '/') found(std::string(text.substr(at, end - at)));
  }
}

/// Calls `found` with each text that may name tables: parameters of lists, and transport maps.
template <class Found>
void each_text_with_tables(const Config& config, const Found& found) {
  for (const auto& [name, value] : config.restrictions.section.parameters) found(value);
  for (const RouteConfig& route : config.routes) {
    for (const std::string& table : route.tables) found(table);
  }
}

void plan_databases(const Config& config, Planner& planner) {
  // SQLite writes beside a database in WAL mode even to read it.
  for (const gateway::AuthSource& source : config.auth.sources) {
    if (source.kind == gateway::AuthSource::Kind::sqlite) planner.write_beside(source.file);
  }
  each_text_with_tables(config, [&](const std::string& text) {
    each_path(text, "sqlite:", [&](const std::string& definition) {
      planner.write_beside(dbpath_of(definition));
    });
  });
}

void plan_mail(const Config& config, Planner& planner) {
  for (const RouteConfig& route : config.routes) {
    for (const std::string& hop : route.to) {
      each_path(hop, "maildir:", [&](const std::string& path) {
        planner.write(path.substr(0, path.find('{')));
      });
    }
  }
}

void plan_policies(const Config& config, Planner& planner) {
  planner.write_beside(config.vsl.policy);
  planner.write(config.vsl.app_dir);
  planner.write_beside(config.lua.policy);
  for (const std::string& directory : config.lua.read) planner.write(directory);
}

void plan_reading(const Config& config, const fs::path& config_file, Planner& planner) {
  for (const char* path : system_files) planner.read(path);
  for (const std::string& path : config.server.sandbox_read) planner.read(path);
  for (const std::string& path : config.api.table_folders) planner.read(path);
  planner.read_beside(config_file);
  for (const Kind kind : {Kind::file, Kind::secret}) {
    for (const NamedPath& file : named_paths(config, kind)) planner.read_beside(file.path);
  }
  for (const NamedPath& folder : named_paths(config, Kind::folder)) planner.read(folder.path);
  // Certificates for the connection to the database: sslrootcert=, sslcert=, sslkey=.
  each_path(config.cluster.database, "=",
            [&](const std::string& file) { planner.read_beside(file); });
  each_text_with_tables(config, [&](const std::string& text) {
    each_path(text, ":", [&](const std::string& table) {
      planner.read_beside(table);
      planner.read_beside(dbpath_of(table));
    });
  });
}

}  // namespace

sandbox::Plan sandbox_plan(const Config& config, const fs::path& config_file) {
  Planner planner;
  planner.plan.programs = !config.vsl.allow_commands.empty();
  planner.write(config.server.data_dir);
  for (const std::string& path : config.server.sandbox_write) planner.write(path);
  plan_mail(config, planner);
  plan_policies(config, planner);
  plan_databases(config, planner);
  if (!config.server.sandbox_read.empty()) plan_reading(config, config_file, planner);
  return planner.plan;
}

std::optional<std::string> beyond_sandbox(const sandbox::Plan& running,
                                          const sandbox::Plan& wanted) {
  if (running.programs) return {};
  if (wanted.programs) return "`vsl.allow_commands` names programs, and no program may be started";
  for (const fs::path& path : wanted.write) {
    if (!sandbox::is_below(path, running.write)) {
      return fmt::format("{} is outside of what this process may write", path.string());
    }
  }
  if (running.read.empty()) return {};
  if (wanted.read.empty()) return "`server.sandbox_read` is empty now: the whole disk may be read";
  std::vector<fs::path> readable = running.read;
  readable.insert(readable.end(), running.write.begin(), running.write.end());
  for (const fs::path& path : wanted.read) {
    std::error_code error;
    if (fs::exists(path, error) && !sandbox::is_below(path, readable)) {
      return fmt::format("{} is outside of what this process may read", path.string());
    }
  }
  return {};
}

tl::expected<sandbox::Report, StartError> enter_sandbox(const Config& config,
                                                        const sandbox::Plan& plan) {
  const SandboxMode mode = config.server.sandbox;
  if (mode == SandboxMode::off) {
    telemetry::log::warning("server.sandbox").msg("`server.sandbox = \"off\"`: no sandbox");
    return sandbox::Report{};
  }
  auto report = sandbox::put_on(plan);
  if (!report) {
    return cannot(ExitCode::os, "the sandbox cannot be put on: " + report.error().message,
                  "`server.sandbox = \"off\"` starts without it");
  }
  if (!report->lacking.empty() && mode == SandboxMode::strict) {
    return cannot(ExitCode::os, "the sandbox is not whole: " + report->lacking,
                  "`server.sandbox = \"best_effort\"` starts with what there is");
  }
  auto line = report->lacking.empty() ? telemetry::log::info("server.sandbox")
                                      : telemetry::log::warning("server.sandbox");
  line.msg(plan.programs ? report->brief() +
                               "; files are not restricted, as `vsl.allow_commands` has programs"
                         : report->brief());
  if (!report->lacking.empty()) line.field("error", report->lacking);
  return *report;
}

}  // namespace postern::app
