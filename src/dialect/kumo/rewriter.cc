#include "dialect/kumo/rewriter.h"

#include <fmt/format.h>

#include "dialect/kumo/hook.h"
#include "dialect/kumo/layer.h"
#include "dialect/kumo/refusal.h"
#include "dialect/kumo/session.h"
#include "policy/inquiry.h"

namespace postern::dialect::kumo {

namespace {

/// What the handler returned.
struct Wish {
  std::optional<std::int64_t> status;
  std::optional<std::string> text;
};

/// Reads the two results; further ones are ignored.
void read_wish(lua_State* L, int count, Wish& wish) {
  if (count > 0 && !lua_isnil(L, -count)) {
    script::demand(lua_isinteger(L, -count) != 0, "the first result must be an integer or nil");
    wish.status = lua_tointeger(L, -count);
  }
  if (count > 1 && !lua_isnil(L, 1 - count)) {
    script::demand(lua_type(L, 1 - count) == LUA_TSTRING,
                   "the second result must be a string or nil");
    wish.text = std::string(script::stack::text_at(L, 1 - count));
  }
}

/// The text after the reply code: "5.7.1 not here".
std::string reply_words(const smtp::Reply& reply) {
  if (!reply.enhanced.present()) return reply.text;
  return reply.enhanced.to_string() + " " + reply.text;
}

/// Applies the handler's result. Throws if the new code is of another class.
smtp::Reply changed(const smtp::Reply& reply, const Wish& wish) {
  const std::int64_t status = wish.status.value_or(reply.code);
  script::demand(
      status >= 200 && status <= 599 && status / 100 == reply.code / 100,
      fmt::format("{} cannot become {}: the class of a reply stays", reply.code, status));
  smtp::Reply said = reply;
  said.code = static_cast<std::uint16_t>(status);
  if (wish.text) {
    smtp::Reply words = worded(said.code, *wish.text);
    if (words.enhanced.present()) said.enhanced = words.enhanced;
    if (!words.text.empty()) said.text = std::move(words.text);
  }
  if (reply.closes() && said.after == smtp::After::go_on) said.after = smtp::After::close;
  return said;
}

class Rewriter final : public policy::ReplyRewriter {
 public:
  explicit Rewriter(std::shared_ptr<const LuaPolicy> policy) : policy_(std::move(policy)) {}

  Task<smtp::Reply> rewrite(smtp::Reply reply, std::optional<std::string> command,
                            policy::Inquiry& inquiry) const override {
    const LuaPolicy& policy = policy_of(inquiry, policy_);
    if (!policy.handles(events::rewrite)) co_return reply;
    Context context{.evidence = inquiry.evidence,
                    .inquiry = inquiry,
                    .listener = policy.listener(inquiry.evidence.session.listener)};
    const script::State::Push arguments = [&](lua_State* L) {
      script::stack::push(L, std::int64_t{reply.code});
      script::stack::push(L, std::string_view(reply_words(reply)));
      script::stack::give(L, command);
      push_conn_meta(L);
      return 4;
    };
    Wish wish;
    smtp::Reply said = reply;
    const script::State::Read results = [&](lua_State* L, int count) {
      read_wish(L, count, wish);
      said = changed(reply, wish);
    };
    const LuaPolicy::Ran ran =
        co_await policy.run(events::rewrite, arguments, results, context, LuaPolicy::Recorded::no);
    if (!ran.raised) co_return said;
    log_trouble(policy, context, events::rewrite, *ran.raised);
    co_return reply;
  }

 private:
  std::shared_ptr<const LuaPolicy> policy_;
};

}  // namespace

std::shared_ptr<const policy::ReplyRewriter> rewriter_of(std::shared_ptr<const LuaPolicy> policy) {
  if (!policy->handles(events::rewrite)) return nullptr;
  return std::make_shared<Rewriter>(std::move(policy));
}

}  // namespace postern::dialect::kumo
