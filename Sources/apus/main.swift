internal import CApus
