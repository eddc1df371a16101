// Which parts of a policy's texts run when a message arrives. It is found out from the words alone,
// without running the code.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::dialect::kumo {

/// The functions in a policy's texts, and those that handlers of Postern's events call: directly,
/// or through functions whose name they mention. A function that `pcall` or `xpcall` is given is
/// left out, since its errors are caught. The texts must outlive this object; they need not be
/// valid Lua.
class HookParts {
 public:
  /// `texts`: every Lua text of the policy with its file's name.
  explicit HookParts(const std::vector<std::pair<std::string, std::string_view>>& texts);

  /// Whether the word, a view into one of the texts, is in a function that a handler calls.
  bool holds(std::string_view word) const;
  /// The class of the object that a variable holds at that place, such as "Message" for the
  /// parameter of a handler; empty: not known. `variable`: a view into one of the texts.
  std::string_view class_of(std::string_view variable) const;

 private:
  friend class HookReader;
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  struct Function {
    std::size_t parent = none;  ///< none: a file's text itself
    std::string name;           ///< the last part of its name; empty: it has none
    std::string_view text;      ///< from `function` to `end`
    bool handles = false;       ///< it handles an event
    bool caught = false;        ///< its errors are caught
    bool runs = false;          ///< a handler calls it
    std::map<std::string, std::string_view, std::less<>> parameters;  ///< with their classes
    std::set<std::string_view> locals;                                ///< names after `local`
    std::set<std::string_view> mentions;                              ///< all other names
  };

  std::size_t function_at(std::string_view word) const;
  void follow();

  std::vector<Function> functions_;
  std::set<std::string_view> handlers_;  ///< names that `kumo.on` is given
};

}  // namespace postern::dialect::kumo
