#include "dialect/restrictions/table.h"

#include <algorithm>
#include <limits>

#include <fmt/core.h>

#include "base/shown.h"
#include "base/text.h"
#include "dialect/restrictions/lmdb_text.h"
#include "dialect/restrictions/remote_table.h"
#include "dialect/restrictions/table_source.h"
#include "dialect/restrictions/table_types.h"

namespace postern::dialect::restrictions {
namespace {

/// static: every key has this value.
class StaticTable final : public NamedTable {
 public:
  StaticTable(std::string name, std::string_view value)
      : NamedTable(std::move(name)), value_(value) {}
  Found lookup(std::string_view) const override { return {Found::Status::found, value_, {}}; }
  bool is_pattern() const override { return true; }
  std::optional<std::vector<std::string>> values() const override { return {{value_}}; }
  std::optional<std::vector<std::string>> row_names(std::size_t /*most*/) const override {
    return {{"any key"}};
  }
  std::string row_named(std::string_view /*key*/) const override { return "any key"; }
  bool is_total() const override { return true; }
  std::size_t rows() const override { return 1; }
  std::size_t memory() const override { return sizeof *this + value_.capacity(); }

 private:
  std::string value_;
};

/// Every look-up fails: `fail:`, for testing failures, and tables that cannot be opened.
class FailTable final : public NamedTable {
 public:
  FailTable(std::string name, std::string trouble)
      : NamedTable(std::move(name)), trouble_(std::move(trouble)) {}
  Found lookup(std::string_view) const override { return {Found::Status::failed, {}, trouble_}; }
  bool is_pattern() const override { return true; }
  std::optional<std::vector<std::string>> values() const override {
    return std::vector<std::string>();
  }
  bool is_total() const override { return false; }
  std::size_t rows() const override { return 0; }
  std::size_t memory() const override { return sizeof *this + trouble_.capacity(); }

 private:
  std::string trouble_;
};

using Parts = std::vector<std::shared_ptr<const Table>>;

class CompoundTable : public NamedTable {
 public:
  CompoundTable(std::string name, Parts parts)
      : NamedTable(std::move(name)), parts_(std::move(parts)) {
    set_remote(std::any_of(parts_.begin(), parts_.end(),
                           [](const auto& part) { return part->is_remote(); }));
  }
  Found lookup(std::string_view key) const override { return lookup_alone(key); }
  bool is_pattern() const override {
    return std::any_of(parts_.begin(), parts_.end(), [](const auto& p) { return p->is_pattern(); });
  }
  std::size_t rows() const override {
    std::size_t sum = 0;
    for (const auto& part : parts_) sum += part->rows();
    return sum;
  }
  std::size_t memory() const override {
    std::size_t sum = sizeof *this;
    for (const auto& part : parts_) sum += part->memory();
    return sum;
  }
  bool has_fixed_results() const override {
    return std::ranges::all_of(parts_, [](const auto& one) { return one->has_fixed_results(); });
  }
  std::string content() const override {
    std::string text;
    for (const auto& part : parts_) {
      const std::string one = part->content();
      text += fmt::format("{}:{}", one.size(), one);
    }
    return text;
  }
  std::vector<std::string> warnings() const override {
    std::vector<std::string> all;
    for (const auto& part : parts_) {
      for (std::string& warning : part->warnings()) all.push_back(std::move(warning));
    }
    return all;
  }

 protected:
  const Parts& parts() const { return parts_; }

 private:
  Parts parts_;
};

/// unionmap: the values of all tables, separated by commas.
class UnionTable final : public CompoundTable {
 public:
  using CompoundTable::CompoundTable;
  Found lookup_among(std::string_view key, policy::Replies* replies) const override {
    Found all;
    for (const auto& part : parts()) {
      Found one = part->find(key, replies);
      if (one.status == Found::Status::failed || one.status == Found::Status::waiting) return one;
      if (one.status == Found::Status::absent) continue;
      if (all.status == Found::Status::found) all.value += ',';
      all.status = Found::Status::found;
      all.value += one.value;
    }
    return all;
  }
  std::optional<std::vector<std::string>> values() const override {
    // Several tables may answer at once, so the values of one part are not all possible values.
    if (parts().size() == 1) return parts().front()->values();
    return std::nullopt;
  }
  std::optional<std::vector<Row>> rows_with(std::string_view value,
                                            std::size_t most) const override {
    if (parts().size() == 1) return parts().front()->rows_with(value, most);
    return std::nullopt;
  }
  std::optional<std::vector<std::string>> row_names(std::size_t most) const override {
    if (parts().size() == 1) return parts().front()->row_names(most);
    return std::nullopt;
  }
  std::string row_named(std::string_view key) const override {
    return parts().size() == 1 ? parts().front()->row_named(key) : std::string();
  }
  std::vector<const Table*> asked_alike() const override {
    std::vector<const Table*> all;
    for (const auto& part : parts()) all.push_back(part.get());
    return all;
  }
  bool hands_on_known_texts() const override {
    return std::ranges::all_of(parts(),
                               [](const auto& one) { return one->hands_on_known_texts(); });
  }
  bool is_total() const override {
    return std::any_of(parts().begin(), parts().end(),
                       [](const auto& part) { return part->is_total(); });
  }
};

/// pipemap: the result of one table is the key for the next.
class PipeTable final : public CompoundTable {
 public:
  using CompoundTable::CompoundTable;
  Found lookup_among(std::string_view key, policy::Replies* replies) const override {
    Found found{Found::Status::found, std::string(key), {}};
    for (const auto& part : parts()) {
      found = part->find(found.value, replies);
      if (found.status != Found::Status::found) break;
    }
    return found;
  }
  bool takes_patterns() const override { return parts().front()->takes_patterns(); }
  std::vector<const Table*> asked_alike() const override { return {parts().front().get()}; }
  bool hands_on_known_texts() const override {
    return parts().front()->hands_on_known_texts() && has_fixed_results();
  }
  std::optional<std::vector<std::string>> values() const override {
    return parts().back()->values();
  }
  bool is_total() const override {
    return std::all_of(parts().begin(), parts().end(),
                       [](const auto& part) { return part->is_total(); });
  }
};

template <class Made>
OpenedTable open_compound(std::string spec, std::string_view name, const TableSources& sources,
                          std::size_t depth) {
  const auto words = braced_words(name);
  if (!words || words->empty()) {
    return fail(Fault::malformed,
                fmt::format("{}: write {}:{{type:name, type:name}}", printable(spec, 200),
                            spec.substr(0, spec.find(':'))));
  }
  Parts parts;
  for (const BracedWord& word : *words) {
    if (word.group || !is_table_spec(word.text)) {
      return fail(Fault::malformed, fmt::format("{}: `{}` is not type:name", printable(spec, 200),
                                                printable(word.text, 64)));
    }
    auto part = open_nested(word.text, sources, depth + 1);
    if (!part) return part;
    parts.push_back(std::move(*part));
  }
  return std::make_shared<Made>(std::move(spec), std::move(parts));
}

OpenedTable open_static(std::string spec, std::string_view name) {
  if (!name.starts_with('{')) return std::make_shared<StaticTable>(std::move(spec), name);
  std::size_t depth = 0;
  std::size_t end = 0;
  do {
    if (name[end] == '{') ++depth;
    if (name[end] == '}') --depth;
  } while (++end < name.size() && depth > 0);
  if (depth > 0 || end != name.size()) {
    return fail(Fault::malformed, fmt::format("{}: {}", printable(spec, 200),
                                              depth > 0 ? "`{` without `}`" : "text after `}`"));
  }
  const std::string_view value = trim_blanks(name.substr(1, name.size() - 2));
  if (value.empty()) return fail(Fault::malformed, printable(spec, 200) + ": an empty value");
  return std::make_shared<StaticTable>(std::move(spec), value);
}

/// Keeps only the file and the line: the contents of the file are secret.
Error without_content(const Error& error, std::string_view name) {
  const std::string file = printable(name, 200);
  std::string where = file;
  std::string_view rest = error.message;
  if (const std::string before = file + " line "; rest.starts_with(before)) {
    rest.remove_prefix(before.size());
    where = before + std::string(rest.substr(0, rest.find_first_not_of("0123456789")));
  }
  return {Fault::malformed, where + ": this is not what such a table holds"};
}

OpenedTable open_any(std::string_view spec, const TableSources& sources, std::size_t depth) {
  if (depth > 8) return fail(Fault::limit, "tables are nested more than 8 deep");
  spec = trim_blanks(spec);
  while (spec.starts_with("proxy:")) spec.remove_prefix(6);
  if (!is_table_spec(spec)) {
    return fail(Fault::malformed,
                fmt::format("`{}` is not a table; write type:name", printable(spec, 64)));
  }
  const std::size_t colon = spec.find(':');
  const std::string_view type = spec.substr(0, colon);
  const std::string_view name = spec.substr(colon + 1);
  std::string whole(spec);
  using enum TableType::Kind;
  const TableType* known = find_table_type(type);
  switch (known != nullptr ? known->kind : foreign) {
    case lines:
      return open_exact(std::move(whole), name, sources);
    case rows:
      return open_inline(std::move(whole), name, sources);
    case networks:
      return open_cidr(std::move(whole), name, sources);
    case posix:
      return open_pattern(std::move(whole), PatternKind::posix, name, sources);
    case perl:
      return open_pattern(std::move(whole), PatternKind::perl, name, sources);
    case constant:
      return open_static(std::move(whole), name);
    case failing:
      return failing_table(whole, printable(whole, 200) + " always fails");
    case either:
      return open_compound<UnionTable>(std::move(whole), name, sources, depth);
    case in_turn:
      return open_compound<PipeTable>(std::move(whole), name, sources, depth);
    case TableType::Kind::sqlite:
      return open_sqlite(std::move(whole), name, sources, depth);
    case program:
      return open_remote(std::move(whole), type, name, sources, depth);
    case accounts:
      return open_accounts(std::move(whole), name, sources);
    case foreign:
      break;
  }
  if (known != nullptr) {
    return fail(Fault::denied, fmt::format("{}: type {} is not carried by Postern; {}",
                                           printable(spec, 200), type, known->help));
  }
  return fail(Fault::malformed, fmt::format("{}: there is no table type `{}`", printable(spec, 200),
                                            printable(type, 64)));
}

}  // namespace

std::string Table::content() const {
  std::string text;
  for (const std::string& value : values().value_or(std::vector<std::string>())) {
    text += fmt::format("{}:{}\n", value.size(), value);
    const auto rows = rows_with(value, std::numeric_limits<std::size_t>::max());
    for (const Row& row : rows.value_or(std::vector<Row>())) {
      text += fmt::format("{}:{} {}\n", row.key.size(), row.key, row.last);
    }
  }
  return text;
}

OpenedTable open_nested(std::string_view spec, const TableSources& sources, std::size_t depth) {
  OpenedTable table = open_any(spec, sources, depth);
  if (table || sources.quotes || table.error().fault != Fault::malformed) return table;
  spec = trim_blanks(spec);
  while (spec.starts_with("proxy:")) spec.remove_prefix(6);
  const std::string_view type = spec.substr(0, spec.find(':'));
  const std::string_view name = spec.substr(std::min(spec.find(':'), spec.size() - 1) + 1);
  // Inline text comes from the request and may be quoted; nested tables were handled already.
  const TableType* known = find_table_type(type);
  if (known == nullptr || !known->is_file() || name.starts_with('{')) return table;
  return tl::unexpected(without_content(table.error(), name));
}

std::shared_ptr<const Table> failing_table(std::string_view name, std::string trouble) {
  return std::make_shared<FailTable>(without_passwords(name), without_passwords(trouble));
}

OpenedTable open_table(std::string_view spec, const TableSources& sources) {
  if (!sources.opened) return open_nested(spec, sources, 0);
  const auto known = sources.opened->find(spec);
  if (known != sources.opened->end()) return known->second;
  return sources.opened->emplace(spec, open_nested(spec, sources, 0)).first->second;
}

bool is_table_spec(std::string_view word) {
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == word.size()) return false;
  const std::string_view type = word.substr(0, colon);
  return std::all_of(type.begin(), type.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
}

TableSources file_sources(FileRules rules) {
  auto left = std::make_shared<FileRules>(std::move(rules));
  const auto read = [left](const std::string& path) -> Result<std::string> {
    Result<std::string> text = read_host_file(path, *left);
    if (text) left->largest -= text->size();
    if (!text && text.error().fault == Fault::limit) {
      text.error().message += "; limits.tables is for all files of the lists together";
    }
    if (!text) return text;
    return source_text(path, std::move(*text));
  };
  // The size of a database does not matter: it is not read into memory.
  const auto find = [left](const std::string& path) -> Result<HostFile> {
    FileRules any_size = *left;
    any_size.largest = std::numeric_limits<std::uint64_t>::max();
    return HostFile::open(path, any_size);
  };
  const auto ask = [left](std::string_view service) { return may_ask(service, *left); };
  return {.read = read, .find = find, .ask = ask, .closed = left->closed};
}

}  // namespace postern::dialect::restrictions
