#include "dialect/kumo/layer.h"

#include <algorithm>
#include <unordered_map>

#include <boost/container_hash/hash.hpp>

#include "base/text.h"
#include "dialect/kumo/hook.h"
#include "dialect/kumo/message.h"
#include "dialect/kumo/recorded_values.h"
#include "dialect/kumo/relay.h"
#include "dialect/kumo/session.h"
#include "dialect/script_record.h"
#include "policy/inquiry.h"
#include "policy/memory.h"
#include "policy/replies.h"

namespace postern::dialect::kumo {

namespace {

using policy::Effect;
using policy::Evidence;
using policy::Inquiry;
using policy::Route;
using policy::Ruling;
using policy::Stage;
using policy::Step;
using policy::Verdict;
using script::State;

/// Judges one stage of one session.
class Judge {
 public:
  Judge(const LuaPolicy& policy, Inquiry& inquiry, std::vector<Step>& steps)
      : policy_(policy),
        evidence_(inquiry.evidence),
        session_(inquiry.session()),
        steps_(steps),
        context_{.evidence = inquiry.evidence,
                 .inquiry = inquiry,
                 .listener = policy.listener(inquiry.evidence.session.listener)} {}

  /// The effects of the answers. Call it once, after the stage.
  std::vector<Effect> take_effects() { return std::move(effects_); }

  Task<Verdict> connect() {
    Verdict verdict = co_await ask_about(Stage::connect, events::connected,
                                         evidence_.session.client_ip.to_string(), [](lua_State* L) {
                                           push_conn_meta(L);
                                           return 1;
                                         });
    session_.meta_at_connect = session_.meta;
    co_return verdict;
  }

  Task<Verdict> helo() {
    policy::ScriptSession& session = session_;
    std::optional<std::vector<std::string>> offered;
    const bool extended = evidence_.session.esmtp;
    const std::string name = evidence_.session.helo;
    Question question{.stage = Stage::helo,
                      .event = events::ehlo,
                      .shown = shown(name),
                      .arguments =
                          [&session, extended, name](lua_State* L) {
                            script::stack::push(L, std::string_view(name));
                            push_conn_meta(L);
                            if (!extended) return 2;
                            script::stack::give(L, session.extensions);
                            return 3;
                          },
                      .results =
                          [&offered](lua_State* L, int count) {
                            if (count > 0) offered = extensions_at(L, -count);
                          }};
    context_.greeting = true;
    Verdict verdict = co_await ask(policy_, std::move(question), context_, steps_);
    if (!verdict.refuses()) session.greeted_as = name;
    if (offered) {
      effects_.push_back({.what = policy::Offer{std::move(*offered)},
                          .why = {},
                          .check = events::ehlo,
                          .place = policy_.place_of(events::ehlo)});
    }
    co_return verdict;
  }

  Task<Verdict> mail() {
    const auto& sender = evidence_.reverse_path;
    return ask_about(Stage::mail, events::mail_from, sender ? &*sender : nullptr);
  }

  Task<Verdict> rcpt() {
    if (!evidence_.candidate) co_return policy::pass_on();
    bool has_route = evidence_.candidate->route.kind != Route::Kind::none;
    if (!has_route) {
      Verdict verdict = co_await give_route(policy_, context_, steps_, effects_);
      if (verdict.refuses()) co_return verdict;
      has_route = policy::grants_route(effects_, evidence_.candidate->route);
    }
    // A later layer refuses a recipient without a route whatever the script says.
    if (!has_route || !policy_.handles(events::rcpt_to)) {
      co_return policy::pass_on();
    }
    Verdict verdict =
        co_await ask_about(Stage::rcpt, events::rcpt_to, &evidence_.candidate->address);
    co_return verdict;
  }

  /// Call edit() if it does not refuse.
  Task<Verdict> message() {
    MessageDraft all = first_draft();
    if (policy_.handles(events::data)) {
      Verdict verdict = co_await ask_about_message(events::data, all);
      if (verdict.refuses()) co_return verdict;
      shared_ = all.held->octets();
    }
    if (!policy_.handles(events::received)) {
      if (may_open_relay(policy_, all)) {
        Verdict verdict = co_await keep_relay_closed(policy_, context_, all, steps_);
        if (verdict.refuses()) co_return verdict;
      }
      co_return keep(all);
    }
    // If an earlier layer changed the recipients, they no longer have the indexes of RCPT.
    const bool together = !all.before.forward_paths.empty() || all.before.to_nobody;
    const std::size_t count = together ? 1 : evidence_.recipients.size();
    for (std::size_t i = 0; i < count; ++i) {
      MessageDraft one = i + 1 < count ? all : std::move(all);
      if (!together) one.recipients = {i};
      one.shows_trace = true;
      Verdict verdict = co_await ask_about_message(events::received, one);
      if (verdict.refuses()) co_return verdict;
      if (may_open_relay(policy_, one)) {
        verdict = co_await keep_relay_closed(policy_, context_, one, steps_);
        if (verdict.refuses()) co_return verdict;
      }
      verdict = keep(one);
      if (verdict.refuses()) co_return verdict;
    }
    co_return policy::pass_on();
  }

  /// The message as the hooks left it, as an effect.
  void edit() {
    effects_.push_back({.what = policy::Edit{std::move(made_)},
                        .why = {},
                        .check = events::received,
                        .place = policy_.place_of(
                            policy_.handles(events::received) ? events::received : events::data)});
  }

 private:
  /// The message as the earlier layers left it.
  MessageDraft first_draft() {
    MessageDraft all{.meta = all_of(context_),
                     .secrets = secret_values(session_),
                     .held = std::make_shared<HeldValues>(policy_.world().memory())};
    for (std::size_t i = 0; i < evidence_.recipients.size(); ++i) all.recipients.push_back(i);
    if (evidence_.copies.size() == 1) all.begin_with(evidence_.copies.front());
    return all;
  }

  static std::optional<std::vector<std::string>> extensions_at(lua_State* L, int index) {
    const json::value value = script::stack::data_at(L, index);
    if (value.is_null()) return std::nullopt;
    script::demand(value.is_array() || (value.is_object() && value.get_object().empty()),
                   "smtp_server_ehlo must return a list of strings or nil");
    std::vector<std::string> list;
    if (!value.is_array()) return list;
    for (const json::value& one : value.get_array()) {
      script::demand(one.is_string(), "smtp_server_ehlo must return a list of strings or nil");
      list.push_back(printable(std::string_view(one.get_string()), 500));
    }
    return list;
  }

  Task<Verdict> ask_about(Stage stage, std::string_view event, std::string words,
                          State::Push arguments) {
    return ask(policy_,
               {.stage = stage,
                .event = event,
                .shown = std::move(words),
                .arguments = std::move(arguments),
                .results = nullptr},
               context_, steps_);
  }

  /// `address`: null for the null reverse-path.
  Task<Verdict> ask_about(Stage stage, std::string_view event, const mail::Mailbox* address) {
    return ask_about(stage, event, shown(address != nullptr ? address->text() : std::string()),
                     [address](lua_State* L) {
                       script::stack::give(
                           L, address != nullptr ? address_of(*address) : address_of(std::nullopt));
                       push_conn_meta(L);
                       return 2;
                     });
  }

  Task<Verdict> ask_about_message(std::string_view event, MessageDraft& draft) {
    context_.message = &draft;
    std::string words = std::to_string(draft.recipients.size()) + " recipients";
    if (draft.recipients.size() == 1) {
      words = shown(evidence_.recipients[draft.recipients.front()].address.text());
    }
    Verdict verdict = co_await ask_about(Stage::message, event, std::move(words), [](lua_State* L) {
      push_message(L);
      push_conn_meta(L);
      return 2;
    });
    context_.message = nullptr;
    co_return verdict;
  }

  /// Adds a copy; recipients with equal copies share one. A copy is compared only with those of the
  /// same digest, so that the cost stays linear in the number of copies.
  Verdict keep(MessageDraft& draft) {
    policy::ScriptCopy copy = draft.finished();
    copy.meta = recorded(draft);
    if (!made_.empty() && draft.new_recipients.empty()) {
      for (; digested_ < made_.size(); ++digested_) {
        by_digest_.emplace(digest(made_[digested_]), digested_);
      }
      const auto [begin, end] = by_digest_.equal_range(digest(copy));
      for (auto like = begin; like != end; ++like) {
        policy::ScriptCopy& other = made_[like->second];
        if (!differ_in_recipients_alone(copy, other)) continue;
        other.recipients.insert(other.recipients.end(), copy.recipients.begin(),
                                copy.recipients.end());
        (void)draft.held->hold(shared_ + copies_);
        return policy::pass_on();
      }
    }
    copies_ += policy::memory_of(copy);
    made_.push_back(std::move(copy));
    if (draft.held->hold(shared_ + copies_)) return policy::pass_on();
    return {policy::Verdict::Kind::defer, policy::replies::no_room(), {}};
  }

  /// A digest of what scripts change most; equal copies have equal digests.
  static std::size_t digest(const policy::ScriptCopy& copy) {
    std::size_t seed = std::hash<json::object>{}(copy.meta);
    for (const auto* text : {&copy.header, &copy.text}) {
      if (*text) boost::hash_combine(seed, std::hash<std::string>{}(**text));
    }
    if (copy.reverse_path)
      boost::hash_combine(seed, std::hash<std::string>{}(copy.reverse_path->text()));
    for (const auto& [address, transport] : copy.transports) {
      boost::hash_combine(seed, std::hash<std::string>{}(address));
    }
    return seed;
  }

  static bool differ_in_recipients_alone(policy::ScriptCopy& one, policy::ScriptCopy& other) {
    std::vector<std::size_t> own = std::exchange(one.recipients, {});
    std::vector<std::size_t> theirs = std::exchange(other.recipients, {});
    const bool same = one == other;
    one.recipients = std::move(own);
    other.recipients = std::move(theirs);
    return same;
  }

  /// Takes the draft's values, with secrets masked: after the hooks, only the record uses them.
  static json::object recorded(MessageDraft& draft) {
    return in_utf8(without_secrets(std::move(draft.meta), draft.secrets));
  }

  const LuaPolicy& policy_;
  const Evidence& evidence_;
  policy::ScriptSession& session_;
  std::vector<Step>& steps_;
  std::vector<Effect> effects_;
  std::vector<policy::ScriptCopy> made_;
  std::size_t shared_ = 0;  ///< octets of values that each copy of a message begins with
  std::size_t copies_ = 0;  ///< octets of the copies in `made_`
  /// Indexes into `made_` by digest, for the first `digested_` copies.
  std::unordered_multimap<std::size_t, std::size_t> by_digest_;
  std::size_t digested_ = 0;
  Context context_;
};

}  // namespace

const LuaPolicy& policy_of(Inquiry& inquiry, const std::shared_ptr<const LuaPolicy>& current) {
  policy::ScriptSession& session = inquiry.session();
  if (!session.program) {
    session.program = current;
    if (const ListenerFacts* facts = current->listener(inquiry.evidence.session.listener)) {
      session.meta = facts->meta;
    }
    session.meta_at_connect = session.meta;
  }
  return *static_cast<const LuaPolicy*>(session.program.get());
}

namespace {

/// Records the connection's values that earlier hooks set, before this hook's answers. A replay
/// restores them.
void remember_values(policy::Tape& tape, policy::ScriptSession& session) {
  json::object& meta = session.meta;
  if (!tape.playing) {
    if (meta.empty()) return;
    tape.record += json::serialize(without_secrets(meta, secret_values(session))) + "\n";
    return;
  }
  if (!tape.answers.starts_with('{')) return;
  const json::value values = script::parse_kept(take_line(tape.answers));
  for (const auto& [name, value] : values.as_object()) meta.insert_or_assign(name, value);
}

}  // namespace

bool KumoLayer::speaks_at(Stage stage) const {
  switch (stage) {
    case Stage::connect:
      return policy_->handles(events::connected);
    case Stage::helo:
      return policy_->handles(events::ehlo);
    case Stage::mail:
      return policy_->handles(events::mail_from);
    case Stage::rcpt:
    case Stage::message:
      return true;
    default:
      return false;
  }
}

Task<Ruling> KumoLayer::judge(Stage stage, Inquiry& inquiry, std::vector<Step>& steps) const {
  const LuaPolicy& policy = policy_of(inquiry, policy_);
  remember_values(inquiry.tape, inquiry.session());
  Judge judge(policy, inquiry, steps);
  Verdict verdict = policy::pass_on();
  if (stage == Stage::connect && policy.handles(events::connected)) {
    verdict = co_await judge.connect();
  } else if (stage == Stage::helo && policy.handles(events::ehlo)) {
    verdict = co_await judge.helo();
  } else if (stage == Stage::mail && policy.handles(events::mail_from)) {
    verdict = co_await judge.mail();
  } else if (stage == Stage::rcpt) {
    verdict = co_await judge.rcpt();
  } else if (stage == Stage::message) {
    verdict = co_await judge.message();
    if (!verdict.refuses()) judge.edit();
  }
  co_return Ruling(std::move(verdict), judge.take_effects());
}

}  // namespace postern::dialect::kumo
