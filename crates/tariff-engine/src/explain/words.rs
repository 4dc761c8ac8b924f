//! The words of explanations.

use super::Lang;
use crate::{CapPer, LineKind};

/// The fixed words of a language.
pub(super) struct Words {
    lang: Lang,
    pub(super) entry: &'static str,
    pub(super) exit: &'static str,
    pub(super) nothing: &'static str,
    pub(super) total: &'static str,
    pub(super) paid: &'static str,
    pub(super) due: &'static str,
    pub(super) overpaid: &'static str,
    pub(super) after: &'static str,
    pub(super) listed: &'static str,
    pub(super) no_type: &'static str,
    /// From Monday.
    pub(super) weekdays: [&'static str; 7],
}

impl Words {
    pub(super) fn of(lang: Lang) -> Self {
        match lang {
            Lang::En => Self {
                lang,
                entry: "Entry",
                exit: "Exit",
                nothing: "Nothing to charge",
                total: "Total",
                paid: "Paid",
                due: "To pay",
                overpaid: "Overpaid",
                after: "After",
                listed: "listed in",
                no_type: "no day type",
                weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
            },
            Lang::Zh => Self {
                lang,
                entry: "入场",
                exit: "出场",
                nothing: "无需缴费",
                total: "合计",
                paid: "已付",
                due: "应付",
                overpaid: "多付",
                after: "此后",
                listed: "日历",
                no_type: "无日期类型",
                weekdays: ["星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"],
            },
        }
    }

    pub(super) fn day_type(&self, word: &'static str) -> &'static str {
        match (self.lang, word) {
            (Lang::Zh, "workday") => "工作日",
            (Lang::Zh, "rest_day") => "休息日",
            (Lang::Zh, "special_day") => "特殊日",
            (Lang::En, "rest_day") => "rest day",
            (Lang::En, "special_day") => "special day",
            _ => word,
        }
    }

    pub(super) fn kind(&self, kind: LineKind, cap: Option<CapPer>) -> &'static str {
        match (self.lang, kind) {
            (Lang::En, LineKind::Flat) => "Flat price",
            (Lang::En, LineKind::Tier) => "Step",
            (Lang::En, LineKind::Unit) => "Time",
            (Lang::En, LineKind::Cap) => match cap {
                Some(CapPer::Rule) | None => "Cap of the rule",
                Some(CapPer::Period) => "Cap of the period",
                Some(CapPer::NaturalDay) => "Cap of the day",
                Some(CapPer::Rolling24h) => "Cap of 24 hours",
                Some(CapPer::Rolling7d) => "Cap of 7 days",
                Some(CapPer::Stay) => "Cap of the stay",
                Some(CapPer::Day) => "Cap of the plate's day",
            },
            (Lang::En, LineKind::Minimum) => "Minimum",
            (Lang::En, LineKind::Package) => "Package",
            (Lang::En, LineKind::Instead) => "Amount set instead",
            (Lang::En, LineKind::Multiply) => "Multiplied",
            (Lang::En, LineKind::PercentOff) => "Discount",
            (Lang::En, LineKind::AmountOff) => "Voucher",
            (Lang::En, LineKind::Rounding) => "Rounding",
            (Lang::Zh, LineKind::Flat) => "按次",
            (Lang::Zh, LineKind::Tier) => "阶梯",
            (Lang::Zh, LineKind::Unit) => "计时",
            (Lang::Zh, LineKind::Cap) => match cap {
                Some(CapPer::Rule) | None => "规则封顶",
                Some(CapPer::Period) => "周期封顶",
                Some(CapPer::NaturalDay) => "自然日封顶",
                Some(CapPer::Rolling24h) => "24小时封顶",
                Some(CapPer::Rolling7d) => "7天封顶",
                Some(CapPer::Stay) => "单次封顶",
                Some(CapPer::Day) => "车牌当日封顶",
            },
            (Lang::Zh, LineKind::Minimum) => "最低收费",
            (Lang::Zh, LineKind::Package) => "套餐",
            (Lang::Zh, LineKind::Instead) => "人工定价",
            (Lang::Zh, LineKind::Multiply) => "倍数",
            (Lang::Zh, LineKind::PercentOff) => "折扣",
            (Lang::Zh, LineKind::AmountOff) => "减免",
            (Lang::Zh, LineKind::Rounding) => "取整",
        }
    }
}
