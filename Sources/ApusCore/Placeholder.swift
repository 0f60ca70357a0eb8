internal import ApusBase
