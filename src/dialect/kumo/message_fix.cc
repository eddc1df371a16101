// msg:check_fix_conformance(), and methods of KumoMTA's messages that have nothing to do here.
#include <chrono>
#include <utility>

#include "base/text.h"
#include "base/time_text.h"
#include "dialect/kumo/conformance.h"
#include "dialect/kumo/message.h"
#include "script/blocking.h"
#include "script/runtime.h"

namespace postern::dialect::kumo {

namespace {

using Self = std::shared_ptr<Message>;
using script::Call;
using script::demand;

/// Larger messages are repaired on a thread for work that takes time.
constexpr std::size_t largest_at_once = 256 * 1024;

Issues issues_in(std::string_view names) {
  const auto issues = parse_issues(names);
  demand(issues.has_value(), issues ? "" : "check_fix_conformance: " + issues.error().message);
  return *issues;
}

/// The charset of text that names none: KumoMTA guesses it among `include_encodings`, here the list
/// must have one name.
std::string charset_in(const std::optional<json::value>& settings) {
  if (!settings || settings->is_null()) return {};
  demand(settings->is_object(), "check_fix_conformance: the settings must be a table");
  std::string charset;
  for (const auto& [name, value] : settings->get_object()) {
    if (name == "include_encodings" && value.is_array() && value.get_array().size() == 1 &&
        value.get_array().front().is_string()) {
      charset = value.get_array().front().get_string();
      const auto fits = [](char c) { return is_alnum(c) || c == '-' || c == '_'; };
      demand(!charset.empty() && charset.size() <= 40 && std::ranges::all_of(charset, fits),
             "check_fix_conformance: `" + printable(charset, 64) + "` is no charset");
      continue;
    }
    demand(
        name == "detect_encoding" || name == "include_encodings" || name == "exclude_encodings",
        "check_fix_conformance: unknown setting `" + printable(std::string_view(name), 64) + "`");
  }
  const json::value* detect = settings->get_object().if_contains("detect_encoding");
  return detect != nullptr && detect->is_bool() && detect->get_bool() ? charset : std::string();
}

std::string new_message_id(Call& call) {
  const ListenerFacts* listener = hook_of(call).listener;
  const std::string host =
      listener != nullptr && !listener->hostname.empty() ? listener->hostname : "localhost";
  std::string octets;
  for (int i = 0; i < 2; ++i) {
    std::uint64_t part = call.random();
    for (int j = 0; j < 8; ++j, part >>= 8) octets += static_cast<char>(part & 0xff);
  }
  return "<" + hex_encode(octets) + "@" + host + ">";
}

/// A repair on another thread; it may outlive the call.
struct RepairWork {
  std::vector<MessageDraft::Field> header;
  std::string body;
  Repair how;
  std::optional<std::string> changed;
};

Task<json::value> check_fix(Call& call, Self, std::string checks, std::string fixes,
                            std::optional<json::value> settings) {
  const Issues check = issues_in(checks);
  const Issues fix = issues_in(fixes);
  Repair how{.what = fix, .date = {}, .message_id = {}, .charset = charset_in(settings)};
  MessageDraft& draft = draft_with_header(call);
  std::vector<MessageDraft::Field> header = draft.header;
  std::optional<MessageDraft::Field> trace;
  if (!draft.trace.empty() && !header.empty() && header.front().text == draft.trace) {
    trace = std::move(header.front());
    header.erase(header.begin());
  }
  std::string_view body;
  if (draft.body) {
    body = *draft.body;
  } else {
    const std::string_view original = original_of(hook_of(call));
    body = original.substr(mail::body_of(original));
  }
  script::Runtime::charge(call.state(), body.size());
  const Issues found = issues_of(header, body);
  // What is repaired is no reason to refuse.
  if (const Issues wrong = check & static_cast<Issues>(~fix) & found; wrong != 0) {
    co_return json::value("Message has conformance issues: " + text_of(wrong));
  }
  how.what &= found;
  if (how.what == 0) co_return nullptr;
  how.date = rfc5322_date(std::chrono::system_clock::now());
  how.message_id = new_message_id(call);
  const bool rewrites =
      (how.what & (non_canonical_line_endings | line_too_long | needs_transfer_encoding)) != 0;
  std::optional<std::string> changed;
  if (rewrites && body.size() > largest_at_once) {
    const auto work = std::make_shared<RepairWork>(RepairWork{
        .header = std::move(header), .body = std::string(body), .how = how, .changed = {}});
    const Result<void> ran = co_await script::blocking(
        call, [work] { work->changed = repair(work->header, work->body, work->how); });
    demand(ran.has_value(), ran ? std::string() : ran.error().message);
    header = std::move(work->header);
    changed = std::move(work->changed);
  } else {
    changed = repair(header, body, how);
  }
  if (trace) header.insert(header.begin(), std::move(*trace));
  draft.header = std::move(header);
  draft.header_changed = true;
  if (changed) draft.body = std::move(changed);
  co_return nullptr;
}

/// In KumoMTA these control when a message is written to disk and how long it stays in memory.
void do_nothing(Self, script::Rest) {}
bool not_shrunk(Self) { return false; }
std::int64_t no_attempt(Self) { return 0; }

const script::HostFunction message_fix_rows[] = {
    {"Message:check_fix_conformance",
     "checks: string, fixes: string, settings?: { detect_encoding?: boolean, include_encodings?: "
     "string[], exclude_encodings?: string[] }",
     "string|nil",
     "Looks for issues of the message as RFC 5322 and MIME see it. Each list names some of "
     "`MISSING_COLON_VALUE`, `NON_CANONICAL_LINE_ENDINGS`, `NAME_ENDS_WITH_SPACE`, `LINE_TOO_LONG` "
     "(more than 78 octets), `NEEDS_TRANSFER_ENCODING`, `MISSING_DATE_HEADER`, "
     "`MISSING_MESSAGE_ID_HEADER` and `MISSING_MIME_VERSION`, separated by `|`. If the message has "
     "one of `checks` that is not among `fixes`, the result is a sentence for a refusal; otherwise "
     "it has none of `fixes` afterwards. Signed parts stay as they are. Text without a charset is "
     "taken for UTF-8, or with `detect_encoding` for the only one of `include_encodings`.",
     script::bind<&check_fix>},
    {"Message:save", "", "", "Does nothing: a message is on disk before the client is told 250.",
     script::bind<&do_nothing>},
    {"Message:set_force_sync", "force?: boolean", "", "Does nothing, for the same reason.",
     script::bind<&do_nothing>},
    {"Message:shrink", "", "boolean",
     "Does nothing and returns false: memory has limits of its own.", script::bind<&not_shrunk>},
    {"Message:shrink_data", "", "boolean", "The same.", script::bind<&not_shrunk>},
    {"Message:num_attempts", "", "integer", "0: nothing has been delivered yet.",
     script::bind<&no_attempt>},
};

}  // namespace

script::HostTable message_fix_functions() { return message_fix_rows; }

}  // namespace postern::dialect::kumo
