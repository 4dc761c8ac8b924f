//! The closed lists of words: kinds of alerts, and what people do.

use parking_types::words;
use serde::{Deserialize, Serialize};

words! {
    /// What an alert is about.
    #[derive(Serialize, Deserialize)]
    AlertKind {
        /// A device's battery is low.
        LowBattery = "low_battery",
        /// A device's signal is weak.
        WeakSignal = "weak_signal",
        /// A device reports a fault.
        DeviceFault = "device_fault",
        /// A device sends what nobody can read.
        Undecodable = "undecodable",
        /// A device is silent.
        Offline = "offline",
        /// Many devices of a lot fell silent together.
        LotOffline = "lot_offline",
        /// A device's clock is off.
        Clock = "clock",
        /// Frames of a session were lost.
        FramesLost = "frames_lost",
        /// Two detectors of a berth disagree.
        DetectorsDisagree = "detectors_disagree",
        /// A car without a plate is at a lane.
        Unplated = "unplated",
        /// A blacklisted plate is parked.
        Blacklisted = "blacklisted",
        /// A car was not let in.
        Refused = "refused",
        /// A car with arrears came in.
        Arrears = "arrears",
        /// A lot is full.
        Full = "full",
        /// A plate came in that was inside already.
        SecondEntry = "second_entry",
        /// A car left that never came in.
        NoEntry = "no_entry",
        /// A car followed another through an open gate.
        Follow = "follow",
        /// A car went back the way it came.
        Reversal = "reversal",
        /// A session has been open for long.
        Zombie = "zombie",
        /// A gate did not answer a command.
        GateNotObeying = "gate_not_obeying",
        /// An arm was hit.
        ArmHit = "arm_hit",
        /// The price changed after the gate had opened.
        Amended = "amended",
        /// A stay has no price.
        Unpriced = "unpriced",
        /// Money that belongs to no session.
        PaymentUnclaimed = "payment_unclaimed",
        /// A frame came too late to count.
        TooLate = "too_late",
        /// A record of reference data is not valid.
        BadReference = "bad_reference",
        /// A calendar or tariff ends soon.
        ReferenceEnds = "reference_ends",
        /// A SIM's plan ends soon.
        SimEnding = "sim_ending",
    }
}

words! {
    /// What was done to a session.
    #[derive(Serialize, Deserialize)]
    ActionKind {
        /// Its entry was stated.
        Entry = "entry",
        /// Its exit was stated.
        Exit = "exit",
        /// Its plate was given or corrected.
        Plate = "plate",
        /// Its times were corrected.
        Times = "times",
        /// Its berth was corrected.
        Berth = "berth",
        /// Others were merged into it.
        Merge = "merge",
        /// It was made void.
        Void = "void",
        /// It was restored.
        Restore = "restore",
        /// Its price was adjusted.
        Adjust = "adjust",
        /// Pictures were added.
        Evidence = "evidence",
        /// It was paid.
        Payment = "payment",
        /// A payment was taken back.
        PaymentReversed = "payment_reversed",
    }
}
