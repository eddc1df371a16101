#include "dialect/vsl/mysql_service.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <boost/url.hpp>

#include "base/text.h"
#include "dialect/vsl/ast.h"
#include "dialect/vsl/context.h"
#include "dialect/vsl/functions.h"
#include "dialect/vsl/service_options.h"
#include "dialect/vsl/walk.h"
#include "script/blocking.h"
#include "script/state.h"

namespace postern::dialect::vsl {

namespace urls = boost::urls;
using script::Clock;
using script::demand;

namespace {

constexpr std::size_t npos = std::string_view::npos;

/// The end of the literal, quoted name or comment that begins at `at`; `at` itself: none does.
std::size_t after_inert(std::string_view sql, std::size_t at) {
  const char c = sql[at];
  const std::string_view rest = sql.substr(at);
  const bool dashes = rest.starts_with("--") && (rest.size() == 2 || is_space(rest[2]));
  if (c == '#' || dashes) return std::min(sql.find('\n', at), sql.size());
  if (rest.starts_with("/*")) {
    const std::size_t end = sql.find("*/", at + 2);
    return end == npos ? sql.size() : end + 2;
  }
  if (c != '\'' && c != '"' && c != '`') return at;
  for (std::size_t i = at + 1; i < sql.size(); ++i) {
    if (sql[i] == '\\' && c != '`') {
      ++i;
    } else if (sql[i] == c) {
      return i + 1;  // a doubled quote begins the next literal, which ends with this one
    }
  }
  return sql.size();
}

SqlText::Parameter sql_parameter(const Value& value) {
  if (std::holds_alternative<Unit>(value.is)) return {.text = "NULL"};
  if (const auto* flag = std::get_if<bool>(&value.is)) return {.text = *flag ? "1" : "0"};
  const bool is_number =
      std::holds_alternative<std::int64_t>(value.is) || std::holds_alternative<double>(value.is);
  return {.text = argument_text(value, "a parameter"), .in_quotes = !is_number};
}

SqlText statement_of(const std::string& sql, const Value* given) {
  if (given == nullptr) {
    // Without parameters, `?` and `:name` are what the script wrote.
    return SqlText::with(sql, [](std::string_view) { return nullptr; });
  }
  if (const auto* map = std::get_if<Value::Map>(&given->is)) {
    std::map<std::string, SqlText::Parameter, std::less<>> named;
    for (const auto& [name, one] : *map) named[name] = sql_parameter(one);
    return SqlText::with(sql, [&](std::string_view name) {
      const auto found = named.find(name);
      demand(found != named.end(),
             "the statement has `:" + printable(name, 60) + "`, the parameters have not");
      return &found->second;
    });
  }
  const auto* array = std::get_if<Value::Array>(&given->is);
  demand(array != nullptr, "the parameters of a query are an array or a map");
  std::vector<SqlText::Parameter> listed;
  for (const Value& one : *array) listed.push_back(sql_parameter(one));
  return SqlText::with(sql, listed);
}

class MysqlService final : public Service {
 public:
  MysqlService(std::string name, std::shared_ptr<MysqlServer> server,
               std::chrono::milliseconds timeout)
      : Service(std::move(name)), server_(std::move(server)), timeout_(timeout) {}
  std::string_view kind() const override { return "db:mysql"; }

 private:
  Task<Value> run(script::Call& call, const ServiceMethod& /*method*/,
                  std::vector<Value> arguments) override {
    const std::string sql = text_from(arguments.front());
    const Value* given = arguments.size() == 2 ? &arguments.back() : nullptr;
    auto statement = [made = statement_of(sql, given)](const MysqlServer::Quote& quote) {
      return made.text(quote);
    };
    demand(server_ != nullptr, "there is no database in a replay");
    demand(!call.world().asks_nobody(), "no database of another host is asked here");
    if (!SqlText::only_reads(sql) &&
        call.leaves_undone("change service `" + printable(name(), 60) + "`")) {
      co_return Value(Value::Array());
    }
    const auto deadline = std::min(Clock::now() + timeout_, call.deadline());
    const auto result = std::make_shared<Result<MysqlServer::Rows>>();
    const bool read_only = call.world().simulates();
    auto job = [server = server_, result, statement = std::move(statement), read_only, deadline] {
      *result = server->query(statement, read_only, deadline);
    };
    const Result<void> done = co_await script::blocking(call, std::move(job));
    demand(done.has_value(), done ? "" : done.error().message);
    demand(result->has_value(), *result ? "" : result->error().message);
    co_return rows_of(**result);
  }

  static Value rows_of(const MysqlServer::Rows& result) {
    Value::Array rows;
    for (const auto& each : result.rows) {
      Value::Map row;
      for (std::size_t i = 0; i < each.size() && i < result.columns.size(); ++i) {
        row[readable(result.columns[i])] = each[i] ? Value(readable(*each[i])) : Value();
      }
      rows.push_back(Value(std::move(row)));
    }
    return Value(std::move(rows));
  }

  const std::shared_ptr<MysqlServer> server_;
  const std::chrono::milliseconds timeout_;
};

/// Reads `mysql://user:password@host:port/database?...` into the settings.
void read_url(const ServiceOptions& options, const std::string& text, MysqlSettings& settings) {
  const auto parsed = urls::parse_uri(text);
  // The text is not repeated: it may hold the password.
  if (!parsed || parsed->scheme() != "mysql") {
    options.wrong("url", "is no URL such as mysql://db.example:3306/greylist");
  }
  const std::string path = parsed->path();
  settings.host = parsed->host();
  if (settings.host.empty()) settings.host = "localhost";
  if (parsed->has_port()) settings.host += ":" + std::string(parsed->port());
  settings.user = parsed->user();
  settings.password = Secret(parsed->password());
  settings.dbname = path.size() > 1 ? path.substr(1) : std::string();
  for (const auto& one : parsed->params()) {
    if (one.key == "user") {
      settings.user = one.value;
    } else if (one.key == "password") {
      settings.password = Secret(one.value);
    } else if (one.key == "db_name") {
      settings.dbname = one.value;
    } else if (one.key == "socket") {
      settings.host = "unix:" + one.value;
    } else if (one.key == "require_ssl") {
      settings.tls = one.value == "true";
      if (!settings.tls && one.value != "false") {
        options.wrong("url", "has a `require_ssl` that is neither true nor false");
      }
    } else {
      options.wrong("url", "has the parameter `" + printable(one.key, 40) +
                               "`; there are user, password, db_name, socket and require_ssl");
    }
  }
  // The client library takes the server's socket for "localhost", and neither port nor TLS.
  const bool by_network = parsed->has_port() || settings.tls;
  if (by_network && (settings.host == "localhost" || settings.host.starts_with("localhost:"))) {
    settings.host.replace(0, std::string_view("localhost").size(), "127.0.0.1");
  }
}

/// The octet where a position is; npos: outside of the text.
std::size_t offset_of(std::string_view text, Position at) {
  std::size_t here = 0;
  for (std::uint32_t line = 1; line < at.line; ++line) {
    here = text.find('\n', here);
    if (here == npos) return npos;
    ++here;
  }
  for (std::uint32_t column = 1; column < at.column && here < text.size();) {
    ++here;
    const bool continues =
        here < text.size() && (static_cast<unsigned char>(text[here]) & 0xc0) == 0x80;
    if (!continues) ++column;
  }
  return here < text.size() ? here : npos;
}

/// Replaces what is between `from` and `to` by asterisks.
void hide(std::string& text, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to && i < text.size(); ++i) text[i] = '*';
}

/// Hides the password in the literal that begins at an offset. False: it is no plain literal.
bool hide_in(std::string& text, std::size_t begin, bool is_url) {
  if (begin == npos || text[begin] != '"') return false;
  std::size_t end = begin + 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size()) return false;
  if (!is_url) {
    hide(text, begin + 1, end);
    return true;
  }
  const std::string_view url = std::string_view(text).substr(0, end);
  if (url.find('\\', begin) != npos) return false;  // an escape may hide a part of it
  const std::size_t host = url.find("://", begin);
  const std::size_t query = std::min(url.find('?', begin), end);
  const std::size_t sign = url.substr(0, query).rfind('@');
  if (host != npos && sign != npos && sign > host) {
    const std::size_t colon = url.find(':', host + 3);
    if (colon < sign) hide(text, colon + 1, sign);
  }
  constexpr std::string_view key = "password=";
  const std::string_view parameters = std::string_view(text).substr(0, end);
  const std::size_t given = parameters.find(key, query);
  if (parameters.find('%', query) != npos || given != parameters.rfind(key)) {
    // Several, or letters as %XX: all parameters.
    if (query + 1 < end) hide(text, query + 1, end);
    return true;
  }
  if (given != npos) hide(text, given + key.size(), std::min(text.find('&', given), end));
  return true;
}

}  // namespace

SqlText SqlText::with(std::string_view sql, const std::vector<Parameter>& listed) {
  SqlText made;
  std::size_t next = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < sql.size();) {
    const std::size_t after = after_inert(sql, i);
    if (after != i || sql[i] != '?') {
      i = std::max(after, i + 1);
      continue;
    }
    demand(next < listed.size(), "the statement has more `?` than there are parameters");
    made.pieces_.push_back({std::string(sql.substr(begin, i - begin))});
    made.pieces_.push_back(listed[next++]);
    begin = ++i;
  }
  demand(next == listed.size(), "there are more parameters than `?` in the statement");
  made.pieces_.push_back({std::string(sql.substr(begin))});
  return made;
}

SqlText SqlText::with(std::string_view sql,
                      const std::function<const Parameter*(std::string_view)>& find) {
  SqlText made;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < sql.size();) {
    const std::size_t after = after_inert(sql, i);
    const bool is_named =
        after == i && sql[i] == ':' && i + 1 < sql.size() && is_word_char(sql[i + 1]);
    if (!is_named) {
      i = std::max(after, i + 1);
      continue;
    }
    std::size_t end = i + 1;
    while (end < sql.size() && is_word_char(sql[end])) ++end;
    if (const Parameter* one = find(sql.substr(i + 1, end - i - 1))) {
      made.pieces_.push_back({std::string(sql.substr(begin, i - begin))});
      made.pieces_.push_back(*one);
      begin = end;
    }
    i = end;
  }
  made.pieces_.push_back({std::string(sql.substr(begin))});
  return made;
}

std::string SqlText::text(const MysqlServer::Quote& quote) const {
  std::string text;
  for (const Parameter& one : pieces_) {
    text += one.in_quotes ? "'" + quote(one.text) + "'" : one.text;
  }
  return text;
}

bool SqlText::only_reads(std::string_view sql) {
  const std::string text = lower(trim(sql));
  if (text.starts_with("show ")) return true;
  return text.starts_with("select") && text.find("into") == std::string::npos &&
         text.find(';') >= text.size() - 1;
}

ServicePtr make_mysql_service(script::Call& call, const std::string& name, ServiceOptions options) {
  MysqlSettings settings;
  read_url(options, options.text("url"), settings);
  if (auto user = options.optional_text("user")) settings.user = std::move(*user);
  if (const auto word = options.optional_text("password")) settings.password = Secret(*word);
  // Each call has a connection of its own: vSMTP's number is read, not used.
  options.integer("connections", 1, 1000, 4);
  const std::chrono::milliseconds timeout = options.timeout();
  options.done();
  const bool is_replay = call.state().files().given != nullptr;
  const OpenMysql& open = site_of(call).open_mysql;
  demand(is_replay || static_cast<bool>(open),
         "service `" + printable(name, 60) +
             "`: this gateway has no MySQL client; `db:sqlite` keeps tables in a file");
  return std::make_shared<MysqlService>(name, is_replay ? nullptr : open(std::move(settings)),
                                        timeout);
}

std::vector<Mistake> hide_passwords(const File& file, std::string& text) {
  std::vector<Mistake> mistakes;
  // Positions count code points, of which the hidden text may have more.
  const std::string original = text;
  for_each_node_of(file, [&](const Node& node) {
    if (node.kind != Kind::service || node.word != "db" || node.content != "mysql") return;
    const auto refuse = [&](Position at, const std::string& what) {
      mistakes.push_back({file.name, at, what + " of a `db:mysql` service is not written there",
                          "write it as a text in double quotes in the options: it is left out of "
                          "records, which other texts of scripts are in"});
    };
    const Node& options = *node.nodes.front();
    if (options.kind != Kind::map) return refuse(options.at, "the map of options");
    for (std::size_t i = 0; i < options.nodes.size(); ++i) {
      const std::string& key = options.names[i].text;
      if (key != "password" && key != "url") continue;
      const Node& value = *options.nodes[i];
      if (value.kind == Kind::string &&
          hide_in(text, offset_of(original, value.at), key == "url")) {
        continue;
      }
      refuse(value.at, "the `" + key + "`");
    }
  });
  return mistakes;
}

}  // namespace postern::dialect::vsl
