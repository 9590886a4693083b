"""edXML, the exchange format between document systems of the state (QCVN 102:2016/BTTTT, amendment 1:2022).

`message` says what there is to say, `reading` takes it out of XML, `writing` puts it there: all pure.
"""
