// The settings of tables in other programs, from a name or a configuration file.
#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/host_port.h"
#include "base/ip.h"
#include "base/text.h"
#include "dialect/restrictions/remote_table.h"

namespace postern::dialect::restrictions {

namespace {

/// "127.0.0.1:7777", "[::1]:7777" or "maps.example.org:7777".
bool is_host_and_port(std::string_view text) {
  const auto parsed = parse_address_and_port(text);
  if (parsed) return parsed->port != 0 && parsed->address.is_v4() != parsed->bracketed;
  return parse_name_and_port(text).has_value();
}

OpenedTable opened(std::string spec, RemoteTable::Kind kind, QueryTable common,
                   const TableSources& sources) {
  auto table =
      std::make_shared<const RemoteTable>(std::move(spec), std::move(kind), std::move(common));
  if (sources.opened_remote) sources.opened_remote(table);
  return table;
}

/// Whether tables may ask the service. Not used for tables with a file: it names their hosts, and
/// the authors of the files are responsible for them.
Result<void> may_ask_service(const TableSources& sources, std::string_view service) {
  return sources.ask ? sources.ask(service) : Result<void>();
}

OpenedTable open_tcp(std::string spec, std::string_view name, const TableSources& sources) {
  if (!is_host_and_port(name)) {
    return fail(Fault::malformed, printable(spec, 200) + ": write tcp:host:port");
  }
  TcpTable table{.service = fmt::format("inet:{}", name)};
  if (const auto may = may_ask_service(sources, table.service); !may)
    return tl::unexpected(may.error());
  return opened(std::move(spec), std::move(table), {}, sources);
}

OpenedTable open_socketmap(std::string spec, std::string_view name, const TableSources& sources) {
  const std::size_t colon = name.rfind(':');
  const std::string_view service = name.substr(0, colon);
  const std::string_view map =
      colon == std::string_view::npos ? std::string_view() : name.substr(colon + 1);
  const bool is_inet = service.starts_with("inet:") && is_host_and_port(service.substr(5));
  const bool is_unix = service.starts_with("unix:/");
  if (map.empty() || map.find(' ') != std::string_view::npos || (!is_inet && !is_unix)) {
    return fail(Fault::malformed,
                printable(spec, 200) +
                    ": write socketmap:inet:host:port:name or socketmap:unix:/path:name");
  }
  if (const auto may = may_ask_service(sources, service); !may) return tl::unexpected(may.error());
  SocketmapTable table{.service = std::string(service), .map = std::string(map)};
  return opened(std::move(spec), std::move(table), {}, sources);
}

Result<std::string> read_secret(const TableSources& sources, std::string_view path) {
  auto text = sources.read_secret ? sources.read_secret(std::string(path))
                                  : sources.read(std::string(path));
  if (!text && path.find('/') == std::string_view::npos) {
    text.error().message += "; settings of tables in main.cf are not read, write them into a file";
  }
  return text;
}

/// The library gets the URI unchanged and shows it in its messages.
bool holds_password(std::string_view uri) {
  const std::string_view rest = uri.substr(uri.find("//") + 2);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  const std::size_t at = authority.rfind('@');
  const bool user = at != std::string_view::npos;
  return (user && authority.substr(0, at).find(':') != std::string_view::npos) ||
         lower(rest).find("password") != std::string::npos;
}

bool is_port(std::string_view text) {
  const auto port = parse_number(text);
  return port && *port >= 1 && *port <= 65535;
}

bool is_host_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || c == '.' || c == '-' || c == '_';
  });
}

/// Whether the text is "host", "host:port", "[::1]" or "[::1]:port". A port may be empty if
/// `empty_port`.
bool is_server(std::string_view text, bool empty_port = false) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    const auto address = IpAddress::parse(text.substr(1, end - 1));
    const std::string_view port = text.substr(end + 1);
    return address && !address->is_v4() &&
           (port.empty() || (port.front() == ':' && is_port(port.substr(1))));
  }
  const std::size_t colon = text.find(':');
  if (!is_host_name(text.substr(0, colon))) return false;
  if (colon == std::string_view::npos) return true;
  return is_port(text.substr(colon + 1)) || (empty_port && colon + 1 == text.size());
}

/// Whether a postgresql:// URI has a server or none. A percent sign is left to the library.
bool is_uri_of_server(std::string_view uri) {
  const std::string_view rest = uri.substr(uri.find("//") + 2);
  std::string_view server = rest.substr(0, rest.find_first_of("/?"));
  server.remove_prefix(server.rfind('@') + 1);
  return server.empty() || server.find('%') != std::string_view::npos || is_server(server, true);
}

/// For messages: without what may be a password.
std::string quoted_server(std::string_view text) {
  return text.find('@') == std::string_view::npos ? fmt::format("`{}`", printable(text, 100))
                                                  : "an entry with `@`";
}

/// An entry of `hosts` of an SQL server that is not a URI.
Result<void> check_host(const TableConfig& config, std::string_view host) {
  std::string_view rest = host;
  if (rest.starts_with("unix:")) {
    if (rest.starts_with("unix:/")) return {};
    return config.wrong("hosts: write the whole path of the socket, unix:/path");
  }
  if (rest.starts_with('/')) {
    return config.wrong(
        fmt::format("hosts: `{0}` is a path: write unix:{0}", printable(host, 100)));
  }
  if (rest.starts_with("inet:")) rest.remove_prefix(5);
  if (is_server(rest)) return {};
  return config.wrong(
      fmt::format("hosts: {} is not a server: write host, host:port (1 to 65535), [::1]:port or "
                  "unix:/path",
                  quoted_server(host)));
}

/// How a server reads the text of a statement.
enum class Sql : std::uint8_t { postgresql, mysql };

/// Keys are quoted for the inside of '...' and are safe only there: not in E'...', "...", `...`,
/// $$...$$, a comment or as a number. Returns the error of a query; empty: none.
std::string_view unsafe_place(std::string_view query, Sql sql) {
  const bool is_mysql = sql == Sql::mysql;
  // BEGIN NOT ATOMIC ...; END of MariaDB is one statement.
  const bool is_block = is_mysql && lower(query.substr(0, 5)) == "begin";
  char inside = '\0';  // which quote is open
  bool ended = false;  // by a semicolon
  for (std::size_t at = 0; at < query.size(); ++at) {
    const char c = query[at];
    if (ended && !is_block && std::string_view(" \t\r\n").find(c) == std::string_view::npos) {
      return "only one statement is sent: leave out what comes after the `;`";
    }
    if (inside == '\0' && c == ';') {
      ended = true;
    } else if (c == '%') {
      const bool is_percent_sign = query[++at] == '%';
      if (!is_percent_sign && inside != '\'') return "a key must be within '...'";
    } else if (inside != '\0') {
      if (c == inside) inside = '\0';
      if (c == '\\' && is_mysql) return "a backslash has a meaning that depends on the server";
    } else if (c == '\'' || c == '"' || (c == '`' && is_mysql)) {
      const bool letter = at > 0 && to_lower(query[at - 1]) == 'e';
      if (c == '\'' && letter && !is_mysql && (at == 1 || !is_alnum(query[at - 2]))) {
        return "E'...' is not carried: write '...'";
      }
      inside = c;
    } else if ((c == '$' && !is_mysql) || (c == '#' && is_mysql) ||
               query.substr(at).starts_with("--") || query.substr(at).starts_with("/*")) {
      return is_mysql ? "comments are not carried" : "dollar quotes and comments are not carried";
    }
  }
  return inside == '\0' ? std::string_view() : "a quote is not closed";
}

/// Reads the settings that all SQL servers have, but not the hosts.
Result<void> read_sql(const TableConfig& config, Sql sql, SqlTable& table) {
  table.user = config.text("user");
  table.password = Secret(config.text("password"));
  table.dbname = config.text("dbname");
  if (table.dbname.empty()) return config.wrong("dbname is missing");
  table.query = config.text("query");
  // The settings that made up the query before `query` existed.
  if (table.query.empty() && config.has("select_function")) {
    table.query = fmt::format("SELECT {}('%s')", config.text("select_function"));
  } else if (table.query.empty() && config.has("table")) {
    table.query = fmt::format("SELECT {} FROM {} WHERE {} = '%s' {}", config.text("select_field"),
                              config.text("table"), config.text("where_field"),
                              config.text("additional_conditions"));
  }
  if (table.query.empty()) return config.wrong("query is missing");
  if (!is_template(table.query)) return config.wrong("query has a `%` without a meaning");
  if (const auto unsafe = unsafe_place(table.query, sql); !unsafe.empty()) {
    return config.wrong(fmt::format("query: {}", unsafe));
  }
  return {};
}

Result<PgsqlTable> pgsql_of(const TableConfig& config) {
  PgsqlTable table;
  table.hosts = config.words("hosts", "localhost");
  for (const std::string& host : table.hosts) {
    const bool is_uri = host.find("://") != std::string::npos;
    if (is_uri && !host.starts_with("postgresql://") && !host.starts_with("postgres://")) {
      return config.wrong("hosts: a URI begins with postgresql://");
    }
    if (is_uri && holds_password(host)) {
      return config.wrong("hosts: a URI with a password; write it as `password =`");
    }
    if (is_uri && !is_uri_of_server(host)) {
      return config.wrong(
          "hosts: the URI has no server: write postgresql://host:port/, with a port of "
          "1 to 65535");
    }
    // libpq takes a directory of a socket, and the name of an abstract one.
    if (is_uri || host.starts_with('/') || host.starts_with('@')) continue;
    if (const auto good = check_host(config, host); !good) return tl::unexpected(good.error());
  }
  if (table.hosts.empty()) return config.wrong("hosts is empty");
  if (lower(config.text("encoding", "utf8")) != "utf8") {
    return config.wrong("encoding: keys are asked for as UTF8");
  }
  if (const auto read = read_sql(config, Sql::postgresql, table); !read) {
    return tl::unexpected(read.error());
  }
  if (table.dbname.find_first_of("=/") != std::string::npos) {
    return config.wrong("dbname is a name, not a connection string");
  }
  return table;
}

Result<MysqlTable> mysql_of(const TableConfig& config) {
  // Its groups may name hosts, users, files and passwords.
  if (!config.text("option_file").empty() || !config.text("option_group").empty()) {
    return config.wrong(
        "option_file and option_group are not carried, and no my.cnf is read: write user, password "
        "and tls_* here");
  }
  MysqlTable table;
  table.hosts = config.words("hosts", "localhost");
  if (table.hosts.empty()) return config.wrong("hosts is empty");
  for (const std::string& host : table.hosts) {
    if (host.find("://") != std::string::npos) {
      return config.wrong("hosts: write host, host:port or unix:/socket");
    }
    if (const auto good = check_host(config, host); !good) return tl::unexpected(good.error());
  }
  if (const std::string charset = lower(config.text("charset", "utf8mb4"));
      charset != "utf8mb4" && charset != "utf8" && charset != "utf8mb3") {
    return config.wrong("charset: keys are asked for as utf8mb4");
  }
  const auto verify = config.flag("tls_verify_cert", false);
  if (!verify) return tl::unexpected(verify.error());
  const auto results = config.flag("require_result_set", true);
  if (!results) return tl::unexpected(results.error());
  table.ca_file = config.text("tls_CAfile");
  table.ca_directory = config.text("tls_CApath");
  table.certificate = config.text("tls_cert_file");
  table.key = config.text("tls_key_file");
  table.ciphers = config.text("tls_ciphers");
  table.verify_name = *verify;
  table.require_result_set = *results;
  table.tls = table.verify_name || !table.ca_file.empty() || !table.ca_directory.empty() ||
              !table.certificate.empty() || !table.key.empty() || !table.ciphers.empty();
  if (const auto read = read_sql(config, Sql::mysql, table); !read) {
    return tl::unexpected(read.error());
  }
  return table;
}

/// Refuses files of TLS that cannot be opened, which the client library would tell at the first
/// query. Not of recorded lists: their answers are recorded, and the files are another machine's.
template <class Settings>
Result<void> check_tls_files(const TableConfig& config, const Settings& table,
                             const TableSources& sources) {
  if (!sources.find || sources.bad_rows == BadRows::skip) return {};
  std::vector<std::pair<std::string_view, std::string_view>> files;
  if constexpr (std::is_same_v<Settings, MysqlTable>) {
    files = {{"tls_CAfile", table.ca_file},
             {"tls_cert_file", table.certificate},
             {"tls_key_file", table.key}};
  } else if constexpr (std::is_same_v<Settings, LdapTable>) {
    files = {{"tls_ca_cert_file", table.ca_file}};
  }
  for (const auto& [setting, path] : files) {
    if (path.empty()) continue;
    const auto found = sources.find(std::string(path));
    if (!found) {
      return config.wrong(fmt::format(
          "{}: {}", setting,
          sources.quotes ? found.error().message : "the file cannot be opened, or may not be"));
    }
  }
  return {};
}

/// Opens a table whose settings are in a file. `settings_of` makes its kind of them.
template <class SettingsOf>
OpenedTable open_configured(std::string spec, std::string_view type, std::string_view path,
                            std::span<const std::string_view> known, SettingsOf settings_of,
                            const TableSources& sources, std::size_t depth) {
  const auto text = read_secret(sources, path);
  if (!text) return tl::unexpected(text.error());
  const auto config = TableConfig::parse(type, path, *text, known);
  if (!config) return tl::unexpected(config.error());
  auto table = settings_of(*config);
  if (!table) return tl::unexpected(table.error());
  const auto tls = check_tls_files(*config, *table, sources);
  if (!tls) return tl::unexpected(tls.error());
  auto common = QueryTable::read(*config, sources, depth);
  if (!common) return tl::unexpected(common.error());
  return opened(std::move(spec), std::move(*table), std::move(*common), sources);
}

OpenedTable open_pgsql(std::string spec, std::string_view path, const TableSources& sources,
                       std::size_t depth) {
  static constexpr std::string_view known[] = {"hosts",           "user",
                                               "password",        "dbname",
                                               "encoding",        "query",
                                               "domain",          "table",
                                               "where_field",     "result_format",
                                               "expansion_limit", "select_field",
                                               "idle_interval",   "select_function",
                                               "retry_interval",  "additional_conditions"};
  return open_configured(std::move(spec), "pgsql", path, known, pgsql_of, sources, depth);
}

OpenedTable open_mysql(std::string spec, std::string_view path, const TableSources& sources,
                       std::size_t depth) {
  static constexpr std::string_view known[] = {"hosts",
                                               "user",
                                               "password",
                                               "dbname",
                                               "charset",
                                               "query",
                                               "domain",
                                               "table",
                                               "where_field",
                                               "result_format",
                                               "expansion_limit",
                                               "select_field",
                                               "option_file",
                                               "option_group",
                                               "tls_cert_file",
                                               "tls_key_file",
                                               "tls_CAfile",
                                               "tls_CApath",
                                               "tls_ciphers",
                                               "tls_verify_cert",
                                               "idle_interval",
                                               "retry_interval",
                                               "require_result_set",
                                               "additional_conditions"};
  return open_configured(std::move(spec), "mysql", path, known, mysql_of, sources, depth);
}

/// The URIs of `server_host`, which may also contain host names.
Result<std::vector<std::string>> ldap_uris(const TableConfig& config) {
  const auto port = config.number("server_port", 389);
  if (!port || *port == 0 || *port > 65535) return config.wrong("server_port is not a port");
  std::vector<std::string> uris;
  for (const std::string& host : config.words("server_host", "localhost")) {
    if (host.find("://") == std::string::npos) {
      if (!is_server(host)) {
        return config.wrong(
            fmt::format("server_host: {} is not a server: write host, host:port (1 to 65535), "
                        "[::1]:port or a URI",
                        quoted_server(host)));
      }
      const bool has_port =
          host.find(':', host.starts_with('[') ? host.find(']') : 0) != std::string::npos;
      uris.push_back(has_port ? "ldap://" + host : fmt::format("ldap://{}:{}", host, *port));
    } else if (host.starts_with("ldap://") || host.starts_with("ldaps://")) {
      const std::string_view rest = std::string_view(host).substr(host.find("//") + 2);
      const std::string_view server = rest.substr(0, rest.find('/'));
      if (!server.empty() && !is_server(server)) {
        return config.wrong(
            "server_host: the URI has no server: write ldap://host:port, with a port "
            "of 1 to 65535");
      }
      uris.push_back(host);
    } else if (host.starts_with("ldapi://")) {
      uris.push_back(host);
    } else {
      return config.wrong("server_host: a URI begins with ldap://, ldaps:// or ldapi://");
    }
  }
  if (uris.empty()) return config.wrong("server_host is empty");
  return uris;
}

/// Whether each `(` of a filter has its `)`, and nothing follows the last one (RFC 4515 §3; in a
/// value they are escaped). The filter begins with `(`.
bool is_closed(std::string_view filter) {
  std::size_t open = 0;
  for (std::size_t at = 0; at < filter.size(); ++at) {
    if (filter[at] == '(') ++open;
    if (filter[at] != ')') continue;
    if (open == 0) return false;
    if (--open == 0) return at + 1 == filter.size();
  }
  return false;
}

/// Whether each part of a distinguished name is `name=value` (RFC 4514 §3); a part with a key may
/// be anything.
bool is_name_template(std::string_view name) {
  std::string part;
  const auto fits = [&part] {
    return part.find('=') != std::string::npos || part.find('%') != std::string::npos;
  };
  for (std::size_t at = 0; at < name.size(); ++at) {
    if (name[at] == '\\' && at + 1 < name.size()) {
      part += name[at++];
    } else if (name[at] == ',' || name[at] == ';') {
      if (!fits()) return false;
      part.clear();
      continue;
    }
    part += name[at];
  }
  return fits();
}

Result<LdapTable> ldap_of(const TableConfig& config) {
  for (const char* special :
       {"special_result_attribute", "terminal_result_attribute", "leaf_result_attribute"}) {
    if (!config.text(special).empty()) {
      return config.wrong(fmt::format("{} is not carried: results are not followed", special));
    }
  }
  LdapTable table;
  auto uris = ldap_uris(config);
  if (!uris) return tl::unexpected(uris.error());
  table.servers = std::move(*uris);
  const auto bind = config.flag("bind", true);
  if (!bind) return config.wrong("bind: write yes or no; SASL is not carried");
  const auto start_tls = config.flag("start_tls", false);
  if (!start_tls) return tl::unexpected(start_tls.error());
  const auto verify = config.flag("tls_require_cert", true);
  if (!verify) return tl::unexpected(verify.error());
  const auto timeout = config.number("timeout", 10);
  if (!timeout || *timeout == 0 || *timeout > 3600) {
    return config.wrong("timeout: write 1 to 3600, in seconds");
  }
  const auto size_limit = config.number("size_limit", 0);
  if (!size_limit || *size_limit > 1'000'000)
    return config.wrong("size_limit is not such a number");
  const auto version = config.number("version", 3);
  if (!version || (*version != 2 && *version != 3)) return config.wrong("version is 2 or 3");
  table.bind = *bind;
  table.bind_dn = config.text("bind_dn");
  table.bind_password = Secret(config.text("bind_pw"));
  // RFC 4513 §5.1.2: a server may accept such a bind as unauthenticated, and return no entries.
  if (table.bind && !table.bind_dn.empty() && table.bind_password.empty()) {
    return config.wrong("bind_dn without bind_pw");
  }
  table.start_tls = *start_tls;
  table.ca_file = config.text("tls_ca_cert_file");
  table.verify_certificate = *verify;
  table.timeout = std::chrono::seconds(*timeout);
  table.size_limit = *size_limit;
  table.search_base = config.text("search_base");
  if (table.search_base.empty()) return config.wrong("search_base is missing");
  table.filter = config.text("query_filter", "(mailacceptinggeneralid=%s)");
  // RFC 4515 §3 requires parentheses around the filter.
  if (!table.filter.starts_with('(')) table.filter = fmt::format("({})", table.filter);
  if (!is_template(table.search_base)) {
    return config.wrong("search_base has a `%` without a meaning");
  }
  if (!is_name_template(table.search_base)) {
    return config.wrong("search_base: write a distinguished name, ou=people,dc=example,dc=org");
  }
  if (!is_template(table.filter)) return config.wrong("query_filter has a `%` without a meaning");
  if (!is_closed(table.filter)) {
    return config.wrong(
        "query_filter: a parenthesis is missing, or something follows the last one");
  }
  table.attributes = config.words("result_attribute", "maildrop");
  if (table.attributes.empty()) return config.wrong("result_attribute is empty");
  const std::string scope = lower(config.text("scope", "sub"));
  using Scope = LdapTable::Scope;
  if (scope != "sub" && scope != "one" && scope != "base") {
    return config.wrong("scope is sub, one or base");
  }
  table.scope = scope == "sub" ? Scope::subtree : scope == "one" ? Scope::one : Scope::base;
  return table;
}

OpenedTable open_ldap(std::string spec, std::string_view path, const TableSources& sources,
                      std::size_t depth) {
  static constexpr std::string_view known[] = {"server_host",
                                               "server_port",
                                               "bind",
                                               "bind_dn",
                                               "bind_pw",
                                               "search_base",
                                               "scope",
                                               "query_filter",
                                               "result_attribute",
                                               "result_format",
                                               "start_tls",
                                               "tls_ca_cert_file",
                                               "tls_require_cert",
                                               "timeout",
                                               "version",
                                               "domain",
                                               "size_limit",
                                               "expansion_limit",
                                               "leaf_result_attribute",
                                               "special_result_attribute",
                                               "terminal_result_attribute"};
  return open_configured(std::move(spec), "ldap", path, known, ldap_of, sources, depth);
}

/// Reads a number of `least` to `most` into `number`.
template <class Number>
Result<void> read_number(const TableConfig& config, std::string_view name, std::uint64_t least,
                         std::uint64_t most, Number& number) {
  if (!config.has(name)) return {};
  const auto value = config.number(name, least);
  if (!value || *value < least || *value > most) {
    return config.wrong(fmt::format("{}: write {} to {}", name, least, most));
  }
  number = Number(static_cast<std::uint32_t>(*value));
  return {};
}

Result<MemcacheTable> memcache_of(const TableConfig& config, const TableSources& sources,
                                  std::size_t depth) {
  MemcacheTable table;
  table.service = config.text("memcache", "inet:localhost:11211");
  const bool is_inet =
      table.service.starts_with("inet:") && is_host_and_port(table.service.substr(5));
  if (!is_inet && !table.service.starts_with("unix:/")) {
    return config.wrong("memcache: write inet:host:port (1 to 65535) or unix:/path");
  }
  table.key_format = config.text("key_format", "%s");
  if (table.key_format.empty()) return config.wrong("key_format is empty");
  if (!is_template(table.key_format)) {
    return config.wrong("key_format has a `%` without a meaning");
  }
  if (std::ranges::any_of(table.key_format, is_blank)) {
    return config.wrong("key_format has white space, which no key of a memcached server has");
  }
  std::uint64_t unused = 0;  // `flags` and `ttl` are for writing into the cache, which is not done
  for (const auto& read : {read_number(config, "max_try", 1, 100, table.tries),
                           read_number(config, "retry_pause", 1, 3600, table.pause),
                           read_number(config, "timeout", 1, 3600, table.timeout),
                           read_number(config, "line_size_limit", 4, 65'536, table.longest_line),
                           read_number(config, "data_size_limit", 1, 65'536, table.longest_value),
                           read_number(config, "flags", 0, 4'294'967'295, unused),
                           read_number(config, "ttl", 0, 4'294'967'295, unused)}) {
    if (!read) return tl::unexpected(read.error());
  }
  if (const std::string backup = config.text("backup"); !backup.empty()) {
    auto opened = open_nested(backup, sources, depth + 1);
    if (!opened) return config.wrong(fmt::format("backup: {}", opened.error().message));
    table.backup = std::move(*opened);
  }
  return table;
}

OpenedTable open_memcache(std::string spec, std::string_view path, const TableSources& sources,
                          std::size_t depth) {
  static constexpr std::string_view known[] = {
      "memcache",    "backup",          "flags",           "ttl",     "key_format", "domain",
      "retry_pause", "data_size_limit", "line_size_limit", "max_try", "timeout"};
  const auto settings_of = [&](const TableConfig& config) {
    return memcache_of(config, sources, depth);
  };
  return open_configured(std::move(spec), "memcache", path, known, settings_of, sources, depth);
}

}  // namespace

OpenedTable open_remote(std::string spec, std::string_view type, std::string_view name,
                        const TableSources& sources, std::size_t depth) {
  if (type == "tcp") return open_tcp(std::move(spec), name, sources);
  if (type == "socketmap") return open_socketmap(std::move(spec), name, sources);
  if (type == "pgsql") return open_pgsql(std::move(spec), name, sources, depth);
  if (type == "mysql") return open_mysql(std::move(spec), name, sources, depth);
  if (type == "memcache") return open_memcache(std::move(spec), name, sources, depth);
  if (type == "ldap") return open_ldap(std::move(spec), name, sources, depth);
  return fail(Fault::bug, fmt::format("{}: no reader of such tables", printable(spec, 200)));
}

}  // namespace postern::dialect::restrictions
