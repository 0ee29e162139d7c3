use std::marker::PhantomData;

use prost::Message;
use tonic::{
    Status,
    codec::{self, DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;

/// How messages become bytes and are read again. A message that cannot be read is told as `INVALID_ARGUMENT`: it is the sender who can
/// mend it. (tonic's own codec tells it as `INTERNAL`, which would say that the server is at fault.)
#[derive(Debug)]
pub struct Codec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = Reader<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Reader(PhantomData)
    }
}

/// Reads messages.
#[derive(Debug)]
pub struct Reader<U>(PhantomData<U>);

impl<U: Message + Default> Decoder for Reader<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(buffer)
            .map(Some)
            .map_err(|error| Status::invalid_argument(format!("the message cannot be read: {error}")))
    }
}
