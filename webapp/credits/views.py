from flask import Blueprint

blueprint = Blueprint("credits", __name__)
