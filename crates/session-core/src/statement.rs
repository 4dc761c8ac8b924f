//! What one reading states about its place.

use parking_types::{Plate, PlateColor, VehicleClass};
use serde::{Deserialize, Serialize};

use crate::event::{Place, PreviousState, ReadingKind};

/// What a reader made of a plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlateRead {
    /// `None`: there is no plate.
    pub(crate) plate: Option<Plate>,
    pub(crate) color: PlateColor,
    pub(crate) confidence: u8,
    pub(crate) vehicle: Option<VehicleClass>,
}

/// A reading, reduced to what sessions look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) kind: ReadingKind,
    pub(crate) place: Option<Place>,
    pub(crate) occupied: Option<bool>,
    pub(crate) previous: Option<PreviousState>,
    pub(crate) plate: Option<Box<PlateRead>>,
}
