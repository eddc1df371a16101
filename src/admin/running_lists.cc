#include "admin/running_lists.h"

#include <fmt/format.h>

#include "dialect/restrictions/table.h"
#include "telemetry/log.h"

namespace postern::admin {

namespace restrictions = dialect::restrictions;
using store::ListRevisionRow;
using store::WriteOutcome;

namespace {

std::string text_of(const std::optional<restrictions::Section>& section) {
  return section ? restrictions::to_json(*section) : std::string();
}

std::string first_error(const restrictions::Judged& judged) {
  if (!judged.unknown.empty()) return "unknown parameter " + judged.unknown.front();
  for (const restrictions::Diagnostic& one : judged.diagnostics) {
    if (one.severity == restrictions::Diagnostic::Severity::error) return one.message;
  }
  return "no reason known";
}

}  // namespace

RunningLists::RunningLists(store::Store& store, std::string hostname,
                           std::function<void(const Lists&)> apply)
    : store_(store),
      hostname_(std::move(hostname)),
      apply_(std::move(apply)),
      current_(std::make_shared<const Lists>()) {}

std::shared_ptr<const Lists> RunningLists::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void RunningLists::let_read(FileRules rules) {
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
}

FileRules RunningLists::file_rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

void RunningLists::run(Lists lists) {
  auto next = std::make_shared<const Lists>(std::move(lists));
  if (apply_) apply_(*next);
  if (next->row.revision != current()->row.revision) {
    telemetry::log::info("lists.changed").field("version", next->row.revision);
  }
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
}

Result<void> RunningLists::guarded(const Lists& lists) const {
  const std::string why_not = why_not_ ? why_not_(lists) : std::string();
  if (!why_not.empty()) return fail(Fault::denied, why_not);
  return {};
}

Result<WriteOutcome> RunningLists::keep(Lists& next, std::uint64_t newest,
                                        const store::AuditRow* audit) {
  next.row.definition = text_of(next.section);
  return store_.add_list_revision(next.row, newest, audit);
}

Result<void> RunningLists::follow_file(const std::optional<restrictions::Section>& section,
                                       const std::shared_ptr<const restrictions::Judged>& judged,
                                       const FileRules& rules) {
  const std::lock_guard lock(change_);
  auto newest = store_.newest_list_revision();
  if (!newest) return tl::unexpected(newest.error());
  auto over = revision_over_file(store_, section);
  if (!over) return tl::unexpected(over.error());
  if (*over) {
    Result<Lists> again = judged_again(std::move(**over), hostname_, rules);
    if (!again) return tl::unexpected(again.error());
    if (again->judged && !again->judged->ok()) {
      return fail(Fault::malformed,
                  fmt::format("restriction lists, revision {}, set through the API: {}",
                              again->row.revision, first_error(*again->judged)));
    }
    if (Result<void> may = guarded(*again); !may) return may;
    let_read(rules);
    run(std::move(*again));
    return {};
  }
  Lists next{.row = newest->value_or(ListRevisionRow{}), .section = section, .judged = judged};
  if (Result<void> may = guarded(next); !may) return may;
  if (next.row.definition != text_of(section)) {
    const ListRevisionRow before = std::exchange(next.row, {.created_at = store::now()});
    const Result<WriteOutcome> kept = keep(next, before.revision, nullptr);
    if (!kept) return tl::unexpected(kept.error());
    if (before.revision != 0 && before.source != ListRevisionRow::Source::file) {
      telemetry::log::warning("lists.replaced")
          .field("version", before.revision)
          .msg(
              "the restriction lists of the configuration file have changed and replace those set "
              "through the API, which stay in the history");
    }
  }
  let_read(rules);
  run(std::move(next));
  return {};
}

Result<void> RunningLists::follow_store() {
  const std::lock_guard lock(change_);
  auto newest = store_.newest_list_revision();
  if (!newest) return tl::unexpected(newest.error());
  if (!*newest || (**newest).revision == current()->row.revision) return {};
  Result<Lists> again = judged_again(std::move(**newest), hostname_, file_rules());
  if (!again) return tl::unexpected(again.error());
  if (again->judged && !again->judged->ok()) {
    return fail(Fault::malformed,
                fmt::format("restriction lists, revision {}, made by another gateway: {}",
                            again->row.revision, first_error(*again->judged)));
  }
  if (Result<void> may = guarded(*again); !may) return may;
  run(std::move(*again));
  return {};
}

Result<WriteOutcome> RunningLists::put(Lists next, std::optional<std::uint64_t> expected,
                                       const store::AuditRow& audit) {
  const std::lock_guard lock(change_);
  const std::uint64_t newest = current()->row.revision;
  if (expected && *expected != newest) return WriteOutcome::stale;
  const Result<WriteOutcome> kept = keep(next, newest, &audit);
  if (kept && *kept == WriteOutcome::done) run(std::move(next));
  return kept;
}

Result<std::optional<ListRevisionRow>> revision_over_file(
    store::Store& store, const std::optional<restrictions::Section>& section) {
  auto newest = store.newest_list_revision();
  if (!newest) return tl::unexpected(newest.error());
  const auto of_file = store.newest_file_revision();
  if (!of_file) return tl::unexpected(of_file.error());
  const std::string text = text_of(section);
  const bool changed = text != (*of_file ? (**of_file).definition : std::string());
  if (changed || !*newest || (**newest).definition == text) return std::nullopt;
  return newest;
}

Lists judged(restrictions::Section section, const std::string& hostname, const FileRules& rules) {
  restrictions::TableSources sources = restrictions::file_sources(rules);
  sources.quotes = false;
  auto judged =
      std::make_shared<const restrictions::Judged>(restrictions::judge(section, hostname, sources));
  return {.row = {}, .section = std::move(section), .judged = std::move(judged)};
}

Result<Lists> judged_again(ListRevisionRow row, const std::string& hostname, FileRules rules) {
  if (row.definition.empty()) return Lists{.row = std::move(row), .section = {}, .judged = {}};
  auto section = restrictions::section_from_json(row.definition);
  if (!section) return tl::unexpected(section.error());
  if (row.source == ListRevisionRow::Source::file) {
    rules.folders.reset();
    rules.services.reset();
  }
  Lists lists = judged(std::move(*section), hostname, rules);
  lists.row = std::move(row);
  return lists;
}

}  // namespace postern::admin
