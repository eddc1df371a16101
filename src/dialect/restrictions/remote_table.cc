#include "dialect/restrictions/remote_table.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/sha256.h"
#include "base/shown.h"
#include "base/text.h"
#include "dialect/restrictions/key_fold.h"
#include "dialect/restrictions/table_types.h"

namespace postern::dialect::restrictions {

namespace {

constexpr std::string_view found_word = "found ";
constexpr std::string_view absent_word = "absent";

Found found_in(const policy::Consultation& said) {
  if (said.failed) {
    return {Found::Status::failed, {}, printable(said.service, 200) + ": " + said.answer};
  }
  if (said.answer == absent_word) return {};
  if (said.answer.starts_with(found_word)) {
    return {Found::Status::found, said.answer.substr(found_word.size()), {}};
  }
  return {
      Found::Status::failed,
      {},
      printable(said.service, 200) + ": a record of a look-up that says neither found nor absent"};
}

/// Replaces the octets that `special` selects by a backslash and two hexadecimal digits.
template <class Special>
std::string hex_quoted(std::string_view value, Special special) {
  std::string quoted;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (special(at)) {
      quoted += '\\';
      quoted += hex_encode(value.substr(at, 1));
    } else {
      quoted += value[at];
    }
  }
  return quoted;
}

/// The line for the settings that a definition does not have. To the reader of settings it is a
/// comment.
constexpr std::string_view server_digest = "# server and user: sha256 ";

/// Passwords in URIs are not in it: a digest can be tried against a list of them.
std::string digest_of(std::string_view settings) {
  return hex_encode(sha256(without_passwords(settings))).substr(0, 32);
}

}  // namespace

RemoteTable::RemoteTable(std::string name, Kind kind, QueryTable common)
    : NamedTable(std::move(name)),
      kind_(std::move(kind)),
      common_(std::move(common)),
      is_query_(!std::holds_alternative<TcpTable>(kind_) &&
                !std::holds_alternative<SocketmapTable>(kind_)) {
  set_remote(true);
}

bool RemoteTable::has_all_parts(const KeyParts& key) const {
  const auto fits = [&](const std::string& format) {
    return expand(format, key, key, unquoted).has_value();
  };
  if (const SqlTable* sql = sql_of(kind_)) return fits(sql->query);
  if (std::holds_alternative<MemcacheTable>(kind_)) return cache_key(key.whole).has_value();
  const auto* ldap = std::get_if<LdapTable>(&kind_);
  return ldap == nullptr || (fits(ldap->search_base) && fits(ldap->filter));
}

Found RemoteTable::lookup_among(std::string_view given, policy::Replies* replies) const {
  if (given.empty() || given.find('\0') != std::string_view::npos) return {};
  std::string key(given);
  if (is_query_) {
    if (!is_utf8(given)) return {};
    key = fold_key(given);
    const KeyParts parts(key);
    if (auto other = common_.outside(parts, replies)) return std::move(*other);
    if (!has_all_parts(parts)) return {};
  }
  Found found;
  if (replies != nullptr) {
    const policy::Consultation* said = replies->find(name(), key);
    if (said == nullptr) return {Found::Status::waiting, {}, {}};
    found = found_in(*said);
  }
  if (backup() == nullptr || found.status == Found::Status::found) return found;
  // It folds the key as it does.
  Found behind = backup()->find(given, replies);
  if (behind.status == Found::Status::failed && found.status == Found::Status::failed) {
    behind.trouble.insert(0, found.trouble + "; ");
  }
  return behind;
}

const Table* RemoteTable::backup() const {
  const auto* cache = std::get_if<MemcacheTable>(&kind_);
  return cache == nullptr ? nullptr : cache->backup.get();
}

std::size_t RemoteTable::rows() const { return backup() == nullptr ? 0 : backup()->rows(); }

std::size_t RemoteTable::memory() const {
  return sizeof *this + (backup() == nullptr ? 0 : backup()->memory());
}

std::vector<std::string> RemoteTable::warnings() const {
  return backup() == nullptr ? std::vector<std::string>() : backup()->warnings();
}

std::string RemoteTable::servers() const {
  std::string list;
  const auto add = [&list](const std::string& one) {
    list += (list.empty() ? "" : ", ") + without_passwords(shown(one));
  };
  if (const auto* tcp = std::get_if<TcpTable>(&kind_)) add(tcp->service);
  if (const auto* map = std::get_if<SocketmapTable>(&kind_)) add(map->service);
  if (const SqlTable* sql = sql_of(kind_)) std::ranges::for_each(sql->hosts, add);
  if (const auto* ldap = std::get_if<LdapTable>(&kind_)) std::ranges::for_each(ldap->servers, add);
  if (const auto* cache = std::get_if<MemcacheTable>(&kind_)) add(cache->service);
  return list;
}

std::string RemoteTable::statement(std::string_view key, const Quote& quote) const {
  const KeyParts parts(key);
  const SqlTable* sql = sql_of(kind_);
  return sql == nullptr ? "" : expand(sql->query, parts, parts, quote).value_or("");
}

RemoteTable::Search RemoteTable::search(std::string_view key) const {
  const KeyParts parts(key);
  const auto& ldap = std::get<LdapTable>(kind_);
  return {.base = expand(ldap.search_base, parts, parts, name_quoted).value_or(""),
          .filter = expand(ldap.filter, parts, parts, filter_quoted).value_or(""),
          .fixed_base = ldap.search_base.find('%') == std::string::npos};
}

std::optional<std::string> RemoteTable::cache_key(std::string_view key) const {
  const KeyParts parts(key);
  auto made = expand(std::get<MemcacheTable>(kind_).key_format, parts, parts, unquoted);
  const auto ends_key = [](char c) { return is_blank(c) || c == '\n' || c == '\0'; };
  if (made && (made->empty() || std::ranges::any_of(*made, ends_key))) return std::nullopt;
  return made;
}

Found RemoteTable::value_of(std::span<const std::string> results, std::string_view key) const {
  const KeyParts parts(key);
  QueryResults all(common_, name(), parts);
  for (const std::string& one : results) {
    if (!all.add(one)) break;
  }
  return all.take();
}

const SqlTable* sql_of(const RemoteTable::Kind& kind) {
  if (const auto* pgsql = std::get_if<PgsqlTable>(&kind)) return pgsql;
  return std::get_if<MysqlTable>(&kind);
}

bool is_remote_type(std::string_view type) {
  const TableType* known = find_table_type(type);
  return known != nullptr && known->kind == TableType::Kind::program;
}

bool is_remote_table(std::string_view service) {
  return is_remote_type(service.substr(0, service.find(':')));
}

std::string recorded(const Found& found) {
  return found.status == Found::Status::found ? std::string(found_word) + found.value
                                              : std::string(absent_word);
}

std::string filter_quoted(std::string_view value) {
  return hex_quoted(value, [value](std::size_t at) {
    return std::string_view("*()\\\0", 5).find(value[at]) != std::string_view::npos;
  });
}

std::string name_quoted(std::string_view value) {
  return hex_quoted(value, [value](std::size_t at) {
    const bool edge = at == 0 || at + 1 == value.size();
    return std::string_view("\"+,;<>\\=#\0", 10).find(value[at]) != std::string_view::npos ||
           (edge && value[at] == ' ');
  });
}

std::string without_secrets(std::string_view text) {
  // Those that decide what is looked up and what becomes of a result, without credentials.
  static constexpr std::string_view kept[] = {
      "dbname",       "query",       "domain",          "table",           "where_field",
      "select_field", "search_base", "query_filter",    "result_format",   "result_attribute",
      "size_limit",   "scope",       "expansion_limit", "select_function", "additional_conditions",
      "key_format",   "backup"};
  // Those that say whose data is asked, and as whom: other values may mean other rows.
  static constexpr std::string_view digested[] = {
      "hosts",    "user",    "server_host", "server_port",        "bind",         "bind_dn",
      "memcache", "charset", "encoding",    "require_result_set", "tls_cert_file"};
  std::string rest;
  std::string asked;
  for (LogicalLines lines(text); lines.next();) {
    const std::string_view line = lines.text();
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = trim_blanks(line.substr(0, equals));
    if (std::ranges::find(kept, name) != std::end(kept)) {
      rest += line;
      rest += '\n';
    } else if (std::ranges::find(digested, name) != std::end(digested)) {
      asked += fmt::format("{} = {}\n", name, trim_blanks(line.substr(equals + 1)));
    }
  }
  if (!asked.empty()) {
    rest += fmt::format("{}{}\n", server_digest, digest_of(asked));
  } else if (const std::size_t known = text.rfind(server_digest); known != std::string_view::npos) {
    rest += text.substr(known, text.find('\n', known) - known);  // a definition, read again
    rest += '\n';
  }
  return rest;
}

}  // namespace postern::dialect::restrictions
