#include "admin/running_lists.h"

#include <fmt/format.h>

#include "base/file_io.h"
#include "base/rfc4648.h"
#include "base/sha256.h"
#include "dialect/restrictions/table.h"
#include "telemetry/log.h"

namespace postern::admin {

namespace restrictions = dialect::restrictions;
using store::ListRevisionRow;
using store::WriteOutcome;

namespace {

std::string section_text(const std::optional<restrictions::Section>& section) {
  return section ? restrictions::to_json(*section) : std::string();
}

/// What SharedRevisions::memory holds of these lists.
std::string memory_of(const std::optional<restrictions::Section>& section) {
  return encode(sha256(section_text(section)), Base::hex, Padding::without) + "\n";
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

Result<Lists> RunningLists::stored_again(ListRevisionRow row, const FileRules& rules,
                                         std::string_view origin) const {
  Result<Lists> again = judged_again(std::move(row), hostname_, rules);
  if (!again) return again;
  const std::string whose =
      fmt::format("restriction lists, revision {}, {}: ", again->row.revision, origin);
  if (again->judged && !again->judged->ok()) {
    return fail(Fault::malformed, whose + first_error(*again->judged));
  }
  if (Result<void> may = guarded(*again); !may) {
    return fail(may.error().fault, whose + may.error().message);
  }
  return again;
}

Result<WriteOutcome> RunningLists::keep(Lists& next, std::uint64_t newest,
                                        const store::AuditRow* audit) {
  next.row.definition = section_text(next.section);
  return store_.add_list_revision(next.row, newest, audit);
}

Result<void> RunningLists::follow_file(const std::optional<restrictions::Section>& section,
                                       const std::shared_ptr<const restrictions::Judged>& judged,
                                       const FileRules& rules, ListsOver over) {
  constexpr int tries = 5;  // while others make revisions
  const std::lock_guard lock(change_);
  for (int i = 0; i < tries; ++i) {
    const Result<WriteOutcome> followed = follow_once(section, judged, rules, over);
    if (!followed) return tl::unexpected(followed.error());
    if (*followed != WriteOutcome::stale) return {};
  }
  return fail(Fault::temporary, "other gateways change the restriction lists; try again");
}

/// `stale`: another revision was made meanwhile.
Result<WriteOutcome> RunningLists::follow_once(
    const std::optional<restrictions::Section>& section,
    const std::shared_ptr<const restrictions::Judged>& judged, const FileRules& rules,
    ListsOver over) {
  auto newest = store_.newest_list_revision();
  if (!newest) return tl::unexpected(newest.error());
  auto newer = over == ListsOver::nothing ? Result<std::optional<ListRevisionRow>>(std::nullopt)
                                          : revision_over_file(store_, section, shared_);
  if (!newer) return tl::unexpected(newer.error());
  const auto remember = [&]() -> Result<void> {
    if (shared_.memory.empty()) return {};
    return replace_file(shared_.memory, memory_of(section));
  };
  if (*newer) {
    Result<Lists> again = stored_again(std::move(**newer), rules, "set through the API");
    if (!again) return tl::unexpected(again.error());
    if (Result<void> noted = remember(); !noted) return tl::unexpected(noted.error());
    telemetry::log::info("lists.over_file")
        .field("version", again->row.revision)
        .field("name", store::to_string(again->row.source))
        .msg(
            "these restriction lists stay in force, as those of the configuration file have not "
            "changed since it was read last");
    let_read(rules);
    run(std::move(*again));
    return WriteOutcome::done;
  }
  Lists next{.row = newest->value_or(ListRevisionRow{}), .section = section, .judged = judged};
  if (Result<void> may = guarded(next); !may) return tl::unexpected(may.error());
  if (next.row.definition != section_text(section)) {
    const ListRevisionRow before = std::exchange(next.row, {.created_at = store::now()});
    if (!shared_.gateway.empty()) next.row.note = "the configuration file of " + shared_.gateway;
    const Result<WriteOutcome> kept = keep(next, before.revision, nullptr);
    if (!kept || *kept != WriteOutcome::done) return kept;
    const bool others =
        before.source != ListRevisionRow::Source::file || before.note != next.row.note;
    if (before.revision != 0 && others) {
      telemetry::log::warning("lists.replaced")
          .field("version", before.revision)
          .msg(
              "the restriction lists of the configuration file have changed and replace those "
              "that were set through the API or by another gateway, which stay in the history");
    }
  }
  if (Result<void> noted = remember(); !noted) return tl::unexpected(noted.error());
  let_read(rules);
  run(std::move(next));
  return WriteOutcome::done;
}

Result<void> RunningLists::follow_store() {
  const std::lock_guard lock(change_);
  auto newest = store_.newest_list_revision();
  if (!newest) return tl::unexpected(newest.error());
  if (!*newest || (**newest).revision == current()->row.revision) return {};
  Result<Lists> again = stored_again(std::move(**newest), file_rules(), "made by another gateway");
  if (!again) return tl::unexpected(again.error());
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
    store::Store& store, const std::optional<restrictions::Section>& section,
    const SharedRevisions& shared) {
  auto newest = store.newest_list_revision();
  if (!newest) return tl::unexpected(newest.error());
  const std::string text = section_text(section);
  if (!*newest || (**newest).definition == text) return std::nullopt;
  if (!shared.memory.empty()) {
    const auto seen = start_of_file(shared.memory, 256);
    if (!seen) return tl::unexpected(seen.error());
    const bool changed = *seen && **seen != memory_of(section);
    return changed ? std::nullopt : newest;
  }
  const auto of_file = store.newest_file_revision();
  if (!of_file) return tl::unexpected(of_file.error());
  const bool changed = text != (*of_file ? (**of_file).definition : std::string());
  return changed ? std::nullopt : newest;
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
