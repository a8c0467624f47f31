"""The exact rules, strongest first, and the keys they make of a standardised record.

A key is a text; two records that make the same key under the same rule are candidates. What keeps candidates apart is said in
``clusters``. What no key joins is left to the match models: they are the last rule.
"""

from __future__ import annotations

from collections.abc import Mapping

from zhike.identity.terms import IdentitySettings, Rule
from zhike.kernel.terms import Text

MEANINGS: Mapping[str, Text] = {
    "override_merge": Text("人工判定为同一客户", "An officer decided that they are one customer"),
    "id_number": Text("有效身份证号相同", "Same valid resident id number"),
    "uscc": Text("有效统一社会信用代码相同", "Same valid unified social credit code"),
    "document_name": Text("其他证件号与姓名相同", "Same other document number and same name"),
    "wechat_unionid": Text("微信 UnionID 相同", "Same WeChat union id"),
    "wechat_openid": Text("微信 OpenID 相同", "Same WeChat open id"),
    "mobile_name": Text("手机号与姓名相同", "Same mobile number and same name"),
    "company_name": Text("企业全称相同", "Same full name of a company"),
    "email_name": Text("邮箱与姓名相同", "Same e-mail address and same name"),
    "mobile_nameless": Text(
        "无姓名记录，手机号唯一归属一人", "A record without a name whose mobile number belongs to one name only"
    ),
    "email_nameless": Text(
        "无姓名记录，邮箱唯一归属一人", "A record without a name whose e-mail address belongs to one name only"
    ),
    "device_nameless": Text(
        "匿名记录，设备唯一归属一人", "An anonymous record on a device that belongs to one name only"
    ),
    "match_model": Text("多项信息综合匹配", "Several facts together, weighed by the match model"),
}
MODEL_RULE = "match_model"
OVERRIDE_RULE = "override_merge"
KEY_JOINT = "|"
NAMELESS = {"mobile_nameless": "mobile", "email_nameless": "email", "device_nameless": "device_id"}
KEYS: Mapping[str, tuple[str, ...]] = {
    "id_number": ("resident_id",),
    "uscc": ("uscc",),
    "document_name": ("document", "name_key"),
    "wechat_unionid": ("wechat_unionid",),
    "wechat_openid": ("wechat_openid",),
    "mobile_name": ("mobile", "name_key"),
    "email_name": ("email", "name_key"),
    "company_name": ("full_name",),
}
"""Rule → columns whose values, side by side, are the key; none is made where one of them is missing."""


def rules(settings: IdentitySettings) -> tuple[Rule, ...]:
    """Return all rules in order of priority, with their sharing limits."""
    return tuple(Rule(n, i, settings.limit(n), MEANINGS[n]) for i, n in enumerate(MEANINGS))


__all__ = ["KEYS", "KEY_JOINT", "MEANINGS", "MODEL_RULE", "NAMELESS", "OVERRIDE_RULE", "rules"]
