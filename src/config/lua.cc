#include "config/lua.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <span>

#include <fmt/format.h>

#include "base/host_file.h"
#include "base/strangers.h"
#include "base/text.h"
#include "config/certificate_files.h"
#include "config/config.h"
#include "config/failing_calls.h"
#include "config/listener_certificate.h"
#include "config/reaper.h"
#include "config/room_options.h"
#include "config/script_runtime.h"
#include "deliver/mime_address.h"
#include "deliver/mime_words.h"
#include "dialect/kumo/policy.h"

namespace postern::app {

namespace kumo = dialect::kumo;

namespace {

/// Octets, as for all files that scripts read.
constexpr std::uint64_t largest_policy = 16u << 20;

std::string decoded(std::string_view raw) {
  deliver::Charsets charsets;
  deliver::WordNotes notes;
  std::string text = deliver::decode_words(raw, charsets, notes);
  // A text that cannot be decoded stays unchanged, so that a policy can compare it.
  const bool broken =
      notes.charset.unknown_charset || notes.charset.undecodable || deliver::has_broken_base64(raw);
  return broken ? std::string(raw) : text;
}

std::vector<kumo::HeaderText::Entry> addresses_of(std::string_view raw) {
  std::vector<kumo::HeaderText::Entry> found;
  std::vector<deliver::Address> addresses;
  deliver::Charsets charsets;
  deliver::AddressNotes notes;
  deliver::read_addresses(raw, charsets, addresses, notes);
  std::size_t read = 0;
  const auto take = [&](std::size_t end, kumo::HeaderText::Entry* group) {
    for (; read < end; ++read) {
      kumo::HeaderText::Entry& entry = group != nullptr ? *group : found.emplace_back();
      entry.addresses.push_back(
          {std::move(addresses[read].name), std::move(addresses[read].address)});
    }
  };
  for (deliver::AddressGroup& group : notes.groups) {
    take(group.begin, nullptr);
    found.push_back({.addresses = {}, .group = std::move(group.name)});
    take(group.end, &found.back());
  }
  take(addresses.size(), nullptr);
  return found;
}

/// Splits "policy.lua:3: text", "policy.lua:3:7: text" or "queue.toml:2: text" into place and text.
/// Relative files are next to the policy.
Diagnostic placed(const std::string& text, const std::filesystem::path& folder) {
  Diagnostic diagnostic;
  diagnostic.code = "L001";
  diagnostic.message = text;
  static const std::regex place(R"(^([^:\n]+):(\d+)(?::(\d+))?: ([\s\S]*)$)");
  std::smatch found;
  if (!std::regex_match(text, found, place)) return diagnostic;
  const std::filesystem::path name(found[1].str());
  diagnostic.file = (name.is_absolute() ? name : folder / name).string();
  diagnostic.line = static_cast<std::uint32_t>(std::stoul(found[2].str()));
  diagnostic.message = found[4].str();
  std::ifstream file(diagnostic.file);
  std::string line;
  for (std::uint32_t i = 0; i < diagnostic.line && std::getline(file, line); ++i) {
    if (i + 1 == diagnostic.line) diagnostic.source_line = line;
  }
  const std::string_view source = diagnostic.source_line.view();
  diagnostic.column =
      1 + static_cast<std::uint32_t>(std::min(source.find_first_not_of(" \t"), line.size()));
  diagnostic.end_column = 1 + static_cast<std::uint32_t>(source.size());
  if (found[3].matched) {
    diagnostic.column = static_cast<std::uint32_t>(std::stoul(found[3].str()));
    const auto is_part = [](char c) { return is_alnum(c) || c == '_'; };
    std::size_t end = std::min<std::size_t>(diagnostic.column - 1, source.size());
    while (end < source.size() && is_part(source[end])) ++end;
    diagnostic.end_column = static_cast<std::uint32_t>(end) + 1;
  }
  return diagnostic;
}

/// The errors in a message of Policy::load(): one script error, or one error per line.
std::vector<std::string_view> mistakes_of(std::string_view message) {
  static const std::regex mistake(R"([^:\n]+:\d+:(\d+:)? .*)");
  std::vector<std::string_view> lines = split(message, '\n');
  const bool all = std::ranges::all_of(lines, [](std::string_view line) {
    return std::regex_match(line.begin(), line.end(), mistake);
  });
  return all ? lines : std::vector<std::string_view>{message};
}

Diagnostic at_listener(const kumo::Listener& listener, const LuaConfig& lua,
                       const std::string& text) {
  return placed(listener.place + ": " + text, std::filesystem::path(lua.policy).parent_path());
}

/// `runtime`: null after the policy's end.
Task<dns::Answer> ask_runtime(std::shared_ptr<ScriptRuntime> runtime, dns::Question question) {
  if (!runtime) co_return dns::Answer{};
  dns::Answer answer = co_await runtime->ask(std::move(question));
  co_return answer;
}

kumo::LuaPolicyOptions lua_options(const Config& config, std::string text) {
  const LuaConfig& lua = config.lua;
  kumo::LuaPolicyOptions options{
      .path = lua.policy,
      .text = std::move(text),
      .read_roots = lua.read,
      .own_folders = {std::filesystem::absolute(config.server.data_dir).string()},
      .limits = {.instructions = lua.instructions, .memory = lua.memory, .time = lua.time},
      .states = (config.server.threads != 0 ? config.server.threads
                                            : std::max(1u, std::thread::hardware_concurrency())) +
                other_threads,
      .run = {},
      .keep = lua.runtime,
      .header_text = {.decode = decoded, .addresses = addresses_of},
      .hostname = config.server.hostname,
      .listeners = {},
      .relay_to = {},
      .open_relay_is_known = lua.open_relay_is_known,
      .files = nullptr};
  options.run = [runtime = std::weak_ptr(lua.runtime)](Task<void> task) {
    if (const auto held = runtime.lock()) held->run(std::move(task));
  };
  options.dns = [runtime = std::weak_ptr(lua.runtime)](dns::Question question) {
    return ask_runtime(runtime.lock(), std::move(question));
  };
  for (const std::string& domain : lua.relay_to) options.relay_to.push_back(lower(domain));
  for (const ListenerConfig& listener : config.listeners) {
    options.listeners[listener.name] = {.address = listener.address.to_string(),
                                        .hostname = config.server.hostname,
                                        .relay_hosts = lua.relay_hosts,
                                        .meta = {}};
  }
  return options;
}

/// An open relay is an error unless it is declared as intended (docs/configuration.md,
/// `i_know_this_is_an_open_relay`). `networks`: clients that may relay; `diagnostic` has their
/// place.
void refuse_strangers(std::span<const Cidr> networks, const LuaConfig& lua, Diagnostic diagnostic,
                      Diagnostics& diagnostics) {
  const auto stranger = stranger_in(networks);
  if (!stranger || lua.open_relay_is_known) return;
  diagnostic.code = "L003";
  diagnostic.message += relay_witness(*stranger);
  diagnostic.hint =
      "name the networks of your own clients; for an open relay on purpose, see "
      "`postern help L003`";
  diagnostics.add(std::move(diagnostic));
}

/// `hostname`: of the server.
void check_listeners(const LuaConfig& lua, const std::string& hostname, const FileRules& rules,
                     Diagnostics& diagnostics) {
  const auto check = [&](const kumo::Listener& one) {
    for (const std::string& file : {one.certificate.file, one.private_key.file}) {
      if (file.empty()) continue;
      const auto readable = HostFile::open(file, rules);
      if (readable) continue;
      Diagnostic diagnostic = at_listener(one, lua, readable.error().message);
      diagnostic.code = "L001";
      diagnostics.add(std::move(diagnostic));
      return;
    }
    refuse_strangers(one.relay_hosts, lua,
                     at_listener(one, lua, "relay_hosts lets unknown clients send mail anywhere"),
                     diagnostics);
    if (const auto pem = pem_of(one)) {
      const auto usable = net::TlsContext::load(*pem);
      if (usable) {
        for (const FileComplaint& complaint :
             check_certificate_text(pem->certificate, pem->certificate_name,
                                    one.hostname.empty() ? hostname : one.hostname)) {
          Diagnostic diagnostic = at_listener(one, lua, complaint.message);
          diagnostic.code = complaint.code;
          diagnostic.hint = complaint.hint;
          diagnostic.severity = Severity::warning;
          diagnostics.add(std::move(diagnostic));
        }
        return;
      }
      Diagnostic diagnostic = at_listener(one, lua, usable.error().message);
      diagnostic.code = "L001";
      diagnostics.add(std::move(diagnostic));
    }
  };
  for (const kumo::Listener& one : lua.loaded->listeners()) {
    check(one);
    for (const auto& variant : one.variants) check(*variant.as);
  }
}

}  // namespace

void load_lua(Config& config, const LoadOptions& options, const Positions& positions,
              Diagnostics& diagnostics) {
  LuaConfig& lua = config.lua;
  refuse_strangers(
      lua.relay_hosts.networks(), lua,
      positions.at("lua.relay_hosts", "L003", "unknown clients may send mail anywhere"),
      diagnostics);
  if (lua.policy.empty()) return;
  const Result<std::string> text = read_host_file(lua.policy, {.largest = largest_policy});
  if (!text) {
    Diagnostic diagnostic =
        positions.at("lua.policy", "L002", "the policy: " + text.error().message);
    diagnostic.hint = "paths are relative to the directory that postern was started in";
    diagnostics.add(std::move(diagnostic));
    return;
  }
  auto runtime = ScriptRuntime::open(resolver_options(config), lua.ca, options.asks_nobody);
  if (!runtime) {
    diagnostics.add(positions.at("dns.servers", "L002", "DNS: " + runtime.error().message));
    return;
  }
  lua.runtime = std::move(*runtime);
  const std::filesystem::path folder = std::filesystem::path(lua.policy).parent_path();
  std::vector<ScriptRuntime::Line> lines;
  lua.runtime->listen(&lines);
  auto loaded = kumo::LuaPolicy::load(lua_options(config, *text), lua.runtime->world());
  lua.runtime->listen(nullptr);
  if (!loaded) {
    for (const std::string_view one : mistakes_of(loaded.error().message)) {
      Diagnostic diagnostic = placed(std::string(one), folder);
      if (diagnostic.line == 0) diagnostic.file = lua.policy;
      diagnostic.hint = "correct the policy; until then no part of it runs (`postern help L001`)";
      diagnostics.add(std::move(diagnostic));
    }
    return;
  }
  lua.loaded = reaped(std::move(*loaded));
  for (const std::string& warning : lua.loaded->warnings()) {
    lines.push_back({"warning", "", warning});
  }
  const auto warn = [&](std::string_view code, const std::string& text) {
    Diagnostic diagnostic = placed(text, folder);
    diagnostic.severity = Severity::warning;
    diagnostic.code = code;
    diagnostics.add(std::move(diagnostic));
  };
  for (const ScriptRuntime::Line& line : lines) {
    warn("L004", line.place.empty() ? line.text : line.place + ": " + line.text);
  }
  for (const std::string& said : lua.loaded->elsewhere()) warn("L005", said);
  for (const std::string& said : lua.loaded->failing_calls()) warn(failing_lua_call_code, said);
  FileRules rules = table_files(config);
  rules.largest = largest_policy;
  check_listeners(lua, config.server.hostname, rules, diagnostics);
  if (lua.listeners) config.listeners.clear();
  for (const kumo::Listener& one : lua.loaded->listeners()) {
    config.listeners.push_back(started_by(one));
  }
}

}  // namespace postern::app
